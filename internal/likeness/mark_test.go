package likeness

import "testing"

func TestMark(t *testing.T) {
	meta := map[string]string{}
	set := func(key, value string) { meta[key] = value }
	if group, _ := Group(meta); group != "" {
		t.Errorf("group %q of what was not marked", group)
	}
	Mark(set, "a group", 0.875)
	if group, similarity := Group(meta); group != "a group" || similarity != 0.875 {
		t.Errorf("group %q by %v, want what was marked", group, similarity)
	}
	Unmark(meta)
	if group, _ := Group(meta); group != "" || len(meta) != 0 {
		t.Errorf("group %q, %v left", group, meta)
	}
	for _, bad := range []string{"", "x", "0.9", "much group"} {
		if group, _ := Group(map[string]string{metaGroup: bad}); group != "" {
			t.Errorf("%q is read as group %q", bad, group)
		}
	}
}
