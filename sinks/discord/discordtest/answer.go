package discordtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"
)

// An answer is what a request is told. Status 0 is none.
type answer struct {
	status int
	header http.Header
	body   any // sent as it is if it is []byte
	stall  time.Duration
	cut    bool // the connection closes in the middle of the body

	// What the client knows once it has read it.
	code  int       // Discord's own, of an error
	until time.Time // it was told to wait
	about string    // the bucket that this is about, "" for everything
	limit bool      // a limit of the server was broken; not a fault
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	text, raw := a.body.([]byte)
	if !raw && a.body != nil {
		w.Header().Set("Content-Type", "application/json")
		text, _ = json.Marshal(a.body) // our own types
	}
	if a.cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		text = text[:len(text)/2]
	}
	w.WriteHeader(a.status)
	w.Write(text)
	if a.cut {
		http.NewResponseController(w).Flush() // an error is as good: the client has less
		panic(http.ErrAbortHandler)
	}
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// errorBody is Discord's form of an error.
type errorBody struct {
	Code       int      `json:"code"`
	Message    string   `json:"message"`
	Errors     any      `json:"errors,omitempty"`
	RetryAfter *float64 `json:"retry_after,omitempty"`
	Global     *bool    `json:"global,omitempty"`
}

// texts are Discord's errors: its documentation has codes and most of the texts,
// the statuses are from reports of real answers.
var texts = map[int]struct {
	status int
	text   string
}{
	10003:  {404, "Unknown Channel"},
	10004:  {404, "Unknown Guild"},
	10007:  {404, "Unknown Member"},
	10008:  {404, "Unknown Message"},
	10015:  {404, "Unknown Webhook"},
	20016:  {429, "This action cannot be performed due to slowmode rate limit."},
	20022:  {429, "This message cannot be edited due to announcement rate limits."},
	20028:  {429, "The write action you are performing on the channel has hit the write rate limit."},
	20029:  {429, "The write action you are performing on the server has hit the write rate limit."},
	30046:  {429, "Maximum number of edits to messages older than 1 hour reached. Try again later"},
	40001:  {401, "Unauthorized. Provide a valid token and try again"},
	40005:  {413, "Request entity too large. Try sending something smaller in size"},
	40062:  {429, "Service resource is being rate limited."},
	40333:  {403, "internal network error"},
	50001:  {403, "Missing Access"},
	50005:  {403, "Cannot edit a message authored by another user"},
	50006:  {400, "Cannot send an empty message"},
	50013:  {403, "Missing Permissions"},
	50014:  {401, "Invalid authentication token provided"},
	50024:  {400, "Cannot execute action on this channel type"},
	50027:  {401, "Invalid Webhook Token"},
	50035:  {400, "Invalid Form Body"},
	50083:  {400, "Thread is archived"},
	50109:  {400, "The request body contains invalid JSON."},
	160004: {400, "A thread has already been created for this message"},
	160005: {403, "Thread is locked"},
	160006: {400, "Maximum number of active threads reached"},
	200000: {400, "Message was blocked by automatic moderation"},
	240000: {400, "Message blocked by harmful links filter"},
}

// refuse is the answer with one of Discord's errors.
func refuse(code int) answer {
	e := texts[code]
	return answer{status: e.status, code: code, body: errorBody{Code: code, Message: e.text}}
}

// unauthorized is what a wrong token gets.
func unauthorized() answer {
	return answer{status: http.StatusUnauthorized, body: errorBody{Message: "401: Unauthorized"}}
}

// tooMany is a 429. Scope is user, shared or global; code is 0 for the plain ones.
func tooMany(scope string, code int, wait time.Duration, about string) answer {
	seconds, global := math.Ceil(wait.Seconds()*1000)/1000, scope == "global"
	body := errorBody{Code: code, Message: texts[code].text, RetryAfter: &seconds, Global: &global}
	switch {
	case code != 0:
	case scope == "shared":
		body.Message = "The resource is being rate limited."
	default:
		body.Message = "You are being rate limited."
	}
	h := http.Header{}
	h.Set("Retry-After", wholeSeconds(wait))
	h.Set("X-RateLimit-Scope", scope)
	if global {
		h.Set("X-RateLimit-Global", "true")
	}
	return answer{
		status: http.StatusTooManyRequests, header: h, body: body, code: code,
		until: time.Now().Add(wait), about: about, limit: true,
	}
}

// html1015 is how the network in front of Discord refuses.
func html1015(wait time.Duration) answer {
	h := http.Header{}
	h.Set("Content-Type", "text/html; charset=UTF-8")
	h.Set("Retry-After", wholeSeconds(wait))
	h.Set("Server", "cloudflare")
	return answer{
		status: http.StatusTooManyRequests, header: h, until: time.Now().Add(wait),
		body: []byte("<!doctype html><title>Access denied | error code: 1015</title><p>You are being rate limited."),
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// millis writes seconds so that nobody comes back too early.
func millis(d time.Duration) string {
	ms := int64((d + time.Millisecond - 1) / time.Millisecond)
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}
