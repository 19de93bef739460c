package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// A poll is one look of a source, of as many requests as it takes. What is asked under a
// context marked with [Poll] can be listened to, and answered by another than the network:
// that is how polls are recorded and replayed. Clients know nothing of it.

// An Exchange is a request of a poll and what came of it.
type Exchange struct {
	Poll    time.Time // when the poll began
	Task    string    // what it is for, where a source has several
	At      time.Time // when the answer had been read
	Address string    // that was asked, with the secrets it may have
	Status  int       // 0 if there was no answer, but Err
	Header  http.Header
	Length  int64  // of the body, as announced; -1 if it was not
	Body    []byte // decompressed, and as much of it as was read
	Err     error  // why there is no answer, or no more of it; never holds the address
}

type (
	pollKey   struct{}
	listenKey struct{}
	answerKey struct{}
)

type poll struct {
	task  string
	began time.Time
}

// Poll marks what is asked under the context returned as one poll, for a task.
func Poll(ctx context.Context, task string) context.Context {
	if ctx.Value(listenKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, pollKey{}, poll{task, time.Now()})
}

// Listen has hear told of every exchange of the polls under the context returned, when its
// answer has been read and before the client goes on. What ends because the context does
// is none. hear may be called concurrently.
func Listen(ctx context.Context, hear func(Exchange)) context.Context {
	return context.WithValue(ctx, listenKey{}, hear)
}

// Answer has every request under the context returned answered by answer, and none made.
func Answer(ctx context.Context, answer func(*http.Request) (*http.Response, error)) context.Context {
	return context.WithValue(ctx, answerKey{}, answer)
}

// Answered reports whether ctx is of [Answer], so that limits of who is asked do not count:
// nobody is.
func Answered(ctx context.Context) bool { return ctx.Value(answerKey{}) != nil }

// ask makes a request, unless somebody else has the answer, and tells who listens.
func ask(by *http.Client, req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if answer, ok := ctx.Value(answerKey{}).(func(*http.Request) (*http.Response, error)); ok {
		return answer(req)
	}
	hear, _ := ctx.Value(listenKey{}).(func(Exchange))
	of, polls := ctx.Value(pollKey{}).(poll)
	if hear == nil || !polls {
		return by.Do(req)
	}
	told := func(e Exchange) {
		if errors.Is(ctx.Err(), context.Canceled) { // by the end of the program
			return
		}
		e.Poll, e.Task, e.At, e.Address = of.began, of.task, time.Now(), req.URL.String()
		hear(e)
	}
	answer, err := by.Do(req)
	if err != nil {
		told(Exchange{Length: -1, Err: withoutAddress(err)})
		return nil, err
	}
	answer.Body = &overheard{ReadCloser: answer.Body, told: told, e: Exchange{
		Status: answer.StatusCode, Header: answer.Header, Length: answer.ContentLength,
	}}
	return answer, nil
}

// An overheard body tells what was read of it when it is closed.
type overheard struct {
	io.ReadCloser
	e    Exchange
	told func(Exchange)
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.e.Body = append(o.e.Body, p[:n]...)
	if err != nil && err != io.EOF {
		o.e.Err = err
	}
	return n, err
}

// Close is called once, by Get.
func (o *overheard) Close() error {
	err := o.ReadCloser.Close()
	o.told(o.e)
	return err
}
