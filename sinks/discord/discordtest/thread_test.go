package discordtest

import (
	"strings"
	"testing"
)

func TestThreads(t *testing.T) {
	s := New(Config{Channels: []string{"42"}, ActiveThreads: 2, Webhooks: []Webhook{hook}})
	start := func(message, name string) reply {
		return ask(t, s, "POST", path+"/"+message+"/threads", `{"name":"`+name+`","auto_archive_duration":1440}`)
	}
	first := created(t, s)
	want(t, "without a name", start(first, " "), 400, 50035)
	want(t, "a long name", start(first, strings.Repeat("n", 101)), 400, 50035)
	want(t, "a duration", ask(t, s, "POST", path+"/"+first+"/threads", `{"name":"n","auto_archive_duration":61}`), 400, 50035)
	want(t, "of nothing", start("1", "n"), 404, 10008)
	r := start(first, strings.Repeat("n", 100))
	if r.status != 201 || r.id() != first || r.body["parent_id"] != "42" {
		t.Errorf("HTTP %d %v, want a thread with the id of its message", r.status, r.body)
	}
	want(t, "again", start(first, "n"), 400, 160004)
	in := "/api/v10/channels/" + first + "/messages"
	r = ask(t, s, "POST", in, with(`"content":"c"`))
	want(t, "a message in it", r, 200, 0)
	want(t, "a thread in it", ask(t, s, "POST", in+"/"+r.id()+"/threads", `{"name":"n"}`), 400, 50024)
	want(t, "a webhook in it", ask(t, s, "POST", hook.Path()+"?wait=1&thread_id="+first, with(`"content":"c"`)), 200, 0)

	s.Archive(first, false)
	want(t, "an edit in the archive", ask(t, s, "PATCH", in+"/"+r.id(), with(`"content":"d"`)), 400, 50083)
	want(t, "a message opens it", ask(t, s, "POST", in, with(`"content":"c"`)), 200, 0)
	want(t, "an edit", ask(t, s, "PATCH", in+"/"+r.id(), with(`"content":"d"`)), 200, 0)
	s.Archive(first, true)
	want(t, "a message to a locked one", ask(t, s, "POST", in, with(`"content":"c"`)), 403, 160005)

	second, third, fourth := created(t, s), created(t, s), created(t, s)
	want(t, "second", start(second, "n"), 201, 0)
	want(t, "third", start(third, "n"), 201, 0)
	want(t, "too many", start(fourth, "n"), 400, 160006)
	s.Archive(second, false)
	want(t, "one less", start(fourth, "n"), 201, 0)
	if all := s.Threads(); len(all) != 4 || !all[0].Locked || !s.Messages()[0].Thread {
		t.Errorf("threads %+v, want four, the first locked", all)
	}
}
