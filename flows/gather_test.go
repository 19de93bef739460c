package flows

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	streams "github.com/reugn/go-streams"
)

// gathered runs a gather over what feed sends and returns its batches as
// "seconds since the start: ids".
func gathered(t *testing.T, g Grouping, feed func(send func(...int), hurry func())) []string {
	t.Helper()
	var got []string
	synctest.Test(t, func(t *testing.T) {
		hurry := make(chan struct{})
		f := newGather(g, timeOfDay{}, hurry)
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for element := range f.Out() {
				var ids []int
				for _, m := range element.([]*Message) {
					ids = append(ids, int(m.Item.Score))
				}
				got = append(got, fmt.Sprintf("%v: %v", time.Since(start).Round(100*time.Millisecond), ids))
			}
		}()
		feed(func(ids ...int) {
			var batch []*Message
			for _, id := range ids {
				m := messages(1)[0]
				m.Item.Score = float64(id)
				batch = append(batch, m)
			}
			f.In() <- batch
		}, func() { close(hurry) })
		close(f.In())
		<-done
	})
	return got
}

var _ streams.Flow = (*gather)(nil)

func TestGather(t *testing.T) {
	g := Grouping{Size: 3, Wait: 2 * time.Second}
	tests := []struct {
		name string
		g    Grouping
		feed func(send func(...int), hurry func())
		want []string
	}{
		{"full batches go at once", g, func(send func(...int), _ func()) { send(1, 2, 3, 4); send(5, 6) },
			[]string{"0s: [1 2 3]", "0s: [4 5 6]"}},
		{"the end flushes", g, func(send func(...int), _ func()) { send(1) }, []string{"0s: [1]"}},
		{"the oldest waits no longer than wait, though more arrive", Grouping{Size: 100, Wait: 2 * time.Second},
			func(send func(...int), _ func()) {
				for i := range 5 {
					send(i)
					time.Sleep(900 * time.Millisecond)
				}
			}, []string{"2s: [0 1 2]", "4.5s: [3 4]"}},
		{"urgent ones overtake", Grouping{Size: 3, Wait: 2 * time.Second, Urgent: func(m *Message) bool { return m.Item.Score == 9 }},
			func(send func(...int), _ func()) { send(1, 9, 2); time.Sleep(time.Second); send(3) },
			[]string{"0s: [9]", "1s: [1 2 3]"}},
		{"hurry flushes and nothing waits after it", g, func(send func(...int), hurry func()) {
			send(1)
			time.Sleep(time.Second)
			hurry()
			synctest.Wait()
			send(2)
			time.Sleep(time.Second)
		}, []string{"1s: [1]", "1s: [2]"}},
		{"size zero means one", Grouping{}, func(send func(...int), _ func()) { send(1, 2) }, []string{"0s: [1]", "0s: [2]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := gathered(t, tt.g, tt.feed); !slices.Equal(got, tt.want) {
				t.Errorf("batches\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestIntakeTakesWhatIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		for range 250 {
			go func() { in.in <- messages(1) }()
		}
		synctest.Wait() // everybody waits, nobody takes
		var sizes []int
		for n := 0; n < 250; {
			batch := (<-in.Out()).([]*Message)
			sizes = append(sizes, len(batch))
			n += len(batch)
			synctest.Wait()
		}
		close(in.in)
		if want := []int{100, 100, 50}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
	})
}
