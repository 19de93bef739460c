package llm

import (
	"context"
	"errors"
	"time"
)

var (
	errTimeout    = errors.New("no complete answer in time")
	errFirstToken = errors.New("no content began in time")
)

// Call runs one streaming call under the limits of r. It fills in the times of the
// Response, and estimates its tokens if the server gave no account; it sees to the
// class of an error that came from a limit or from ctx.
//
// do calls token whenever content arrives: text of the answer, not the opening
// of a message, a role, or a thought.
func Call(ctx context.Context, r Request, do func(ctx context.Context, token func()) (Response, error)) (Response, error) {
	start := time.Now()
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.Timeout > 0 {
		defer time.AfterFunc(r.Timeout, func() { cancel(errTimeout) }).Stop()
	}
	stopFirst := func() bool { return false }
	if r.FirstToken > 0 {
		stopFirst = time.AfterFunc(r.FirstToken, func() { cancel(errFirstToken) }).Stop
		defer stopFirst()
	}

	var first time.Duration
	response, err := do(call, func() {
		if first == 0 {
			stopFirst()
			first = time.Since(start)
		}
	})
	response.FirstToken, response.Latency = first, time.Since(start)
	if err == nil {
		if response.TokensIn == 0 { // no account was given, and nothing is free for that
			response.TokensIn = EstimateTokens(r.System) + EstimateTokens(r.Prompt)
			response.TokensOut = EstimateTokens(response.Text)
		}
		return response, nil
	}

	response.Text = ""
	switch cause := context.Cause(call); {
	case ctx.Err() != nil:
		err = &Error{Class: Canceled, Err: context.Cause(ctx)}
	case errors.Is(cause, errTimeout):
		err = Errorf(Timeout, "%w (%v)", errTimeout, r.Timeout)
	case errors.Is(cause, errFirstToken):
		err = Errorf(FirstToken, "%w (%v)", errFirstToken, r.FirstToken)
	default:
		err = AsError(err)
	}
	return response, err
}
