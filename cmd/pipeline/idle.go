package main

import (
	"context"
	"time"

	"catalyst/internal/load"
)

const (
	idleFirst = 10 * time.Second // the start is over by then
	idleLook  = time.Minute
	idleShare = 0.1      // of a core: who uses less has little to do
	idleMost  = 24 << 20 // bytes of files that may stay mapped
)

// thrift gives back what the process does not need while it has nothing to do, until ctx
// ends. The start runs through every package once, and Linux maps up to 2 MB around each
// page that is touched: most of what then is resident is code that never runs again. What
// does comes back from the page cache, a microsecond for each page.
func thrift(ctx context.Context) {
	wait, used := idleFirst, load.CPU()
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		now := load.CPU()
		if (now-used).Seconds() < idleShare*wait.Seconds() && filePages() > idleMost {
			releaseProgram()
		}
		wait, used = idleLook, now
	}
}
