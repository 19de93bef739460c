package local

import (
	"context"
	"time"
)

// A Keeper is what a provider can do with its server besides asking it. Its methods
// may be called while calls are under way, but never two of them at a time.
type Keeper interface {
	// Address is the server's base URL.
	Address() string
	// Inspect looks at the server, without loading anything. An error, an
	// [*llm.Error], says that the server does not answer or has no such model. It is
	// asked every few seconds: it must be cheap, and end when ctx does.
	Inspect(ctx context.Context) (State, error)
	// Warm loads the model as calls will want it, with the same context, and has it
	// write one token. It returns when that is done, within the provider's own limit
	// for loading. A loaded model is only asked for the token.
	Warm(ctx context.Context) error
	// Unload has the server take the model out of memory; it need not wait until it
	// has. A model that is not loaded is no error. A server that cannot says
	// [errors.ErrUnsupported]: it is watched then, and not recycled.
	Unload(ctx context.Context) error
}

// State is how a server is that answers. What it does not say is zero.
type State struct {
	Loaded  bool // the model is in memory and can be asked
	Loading bool // it is being loaded

	Size     int64 // bytes that the loaded model takes
	SizeVRAM int64 // bytes of them in GPU memory; fewer than Size if it spilled

	Context int       // tokens of a call at most
	Slots   int       // calls that it answers at the same time
	Expires time.Time // when it unloads the model if nobody asks; far ahead if never
}
