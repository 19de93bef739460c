package discordtest

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		send := func(token, nonce string, enforce bool) string {
			return askAs(t, s, token, "POST", path, with(fmt.Sprintf(`"content":"c","nonce":%q,"enforce_nonce":%t`, nonce, enforce))).id()
		}
		first := send("bot", "a", true)
		if again := send("bot", "a", true); again != first {
			t.Errorf("the same nonce gave %s, want %s", again, first)
		}
		for what, id := range map[string]string{
			"another nonce":              send("bot", "b", true),
			"another author":             send("bob", "a", true),
			"no nonce":                   send("bot", "", true),
			"a nonce that is not looked": send("bot", "b", false),
		} {
			if id == first || id == "" {
				t.Errorf("%s gave %q, want another message", what, id)
			}
		}
		time.Sleep(5*time.Minute - time.Second)
		if again := send("bot", "a", true); again != first {
			t.Errorf("within the window the nonce gave %s, want %s", again, first)
		}
		time.Sleep(time.Second)
		if late := send("bot", "a", true); late == first {
			t.Error("the nonce is remembered for longer than the window")
		}
		if n := len(s.Messages()); n != 6 {
			t.Errorf("%d messages, want 6", n)
		}
	})
}

func TestEdit(t *testing.T) {
	s := New(Config{})
	id := created(t, s)
	edit := path + "/" + id
	want(t, "edit", ask(t, s, "PATCH", edit, post(`{"title":"two"}`)), 200, 0)
	want(t, "edit of the content", ask(t, s, "PATCH", edit, with(`"content":"c"`)), 200, 0)
	if v := s.Messages()[0].Versions; len(v) != 3 || v[2].Embeds[0].Title != "two" || v[2].Content != "c" {
		t.Errorf("versions %+v, want three, the last with title and content", v)
	}
	want(t, "edit to nothing", ask(t, s, "PATCH", edit, with(`"content":"","embeds":[]`)), 400, 50006)
	want(t, "nonce in an edit", ask(t, s, "PATCH", edit, with(`"content":"c","nonce":"n"`)), 400, 50035)
	want(t, "another bot's", askAs(t, s, "other", "PATCH", edit, with(`"content":"c"`)), 403, 50005)
	want(t, "the same bot after a reset of its token", askAs(t, s, "token.2", "PATCH", edit, with(`"content":"c"`)), 200, 0)
	want(t, "somebody else's", ask(t, s, "PATCH", path+"/"+s.Post("42", "hi"), with(`"content":"c"`)), 403, 50005)
	want(t, "in another channel", ask(t, s, "PATCH", "/api/v10/channels/43/messages/"+id, with(`"content":"c"`)), 404, 10008)
	if r := ask(t, s, "GET", edit, ""); r.status != 200 || r.body["content"] != "c" || r.body["edited_timestamp"] == nil {
		t.Errorf("get: HTTP %d %v", r.status, r.body)
	}
	s.Delete(id)
	want(t, "a deleted one", ask(t, s, "PATCH", edit, with(`"content":"c"`)), 404, 10008)
	want(t, "a deleted one", ask(t, s, "GET", edit, ""), 404, 10008)

	mine := path + "/" + created(t, s)
	want(t, "delete", ask(t, s, "DELETE", mine, ""), 204, 0)
	want(t, "delete again", ask(t, s, "DELETE", mine, ""), 404, 10008)
	want(t, "delete somebody else's", ask(t, s, "DELETE", path+"/"+s.Post("42", "hi"), ""), 403, 50013)
}

func TestReply(t *testing.T) {
	s := New(Config{})
	first := created(t, s)
	r := ask(t, s, "POST", path, with(`"content":"c","message_reference":{"message_id":"`+first+`"}`))
	if r.status != 200 || s.Messages()[1].ReplyTo != first || r.body["type"] != 19.0 {
		t.Errorf("HTTP %d %v, want a reply to %s", r.status, r.body, first)
	}
	r = ask(t, s, "POST", "/api/v10/channels/43/messages", with(`"content":"c","message_reference":{"message_id":"`+first+`"}`))
	if firstFault(r) != "message_reference REPLIES_CANNOT_REFERENCE_OTHER_CHANNEL" {
		t.Errorf("HTTP %d %v for a reply in another channel", r.status, r.body)
	}
}

func TestOldEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		old := path + "/" + created(t, s)
		time.Sleep(time.Hour - time.Second)
		young := path + "/" + created(t, s)
		edit := func(message string) reply { return ask(t, s, "PATCH", message, with(`"content":"c"`)) }
		for range 5 {
			want(t, "within an hour", edit(old), 200, 0)
		}
		time.Sleep(time.Second)
		for range 3 {
			want(t, "after an hour", edit(old), 200, 0)
		}
		r := edit(old)
		want(t, "the fourth in 20 s", r, 429, 30046)
		if r.body["retry_after"] != 20.0 || r.header.Get("Retry-After") != "20" {
			t.Errorf("asks to wait %v, %s s, want 20 s", r.body["retry_after"], r.header.Get("Retry-After"))
		}
		want(t, "a young one", edit(young), 200, 0)
		time.Sleep(20 * time.Second)
		want(t, "20 s later", edit(old), 200, 0)
	})
}

func TestSnowflakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		time.Sleep(time.Until(time.Date(2026, 3, 2, 14, 5, 0, 0, time.UTC)))
		var last uint64
		for i := range 5 {
			id, err := strconv.ParseUint(created(t, s), 10, 64)
			if err != nil || id <= last {
				t.Fatalf("id %d after %d, %v", id, last, err)
			}
			last = id
			if at := discordEpoch.Add(time.Duration(id>>22) * time.Millisecond); !at.Equal(time.Now()) {
				t.Errorf("id %d tells %s, want %s", id, at, time.Now())
			}
			if i%2 == 1 {
				time.Sleep(time.Millisecond)
			}
		}
	})
}
