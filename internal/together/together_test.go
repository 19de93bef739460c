package together

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is asked while a question is under way goes in the next one; the first waits for nobody.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int // one question at a time
		asked := &Calls[int, string]{Timeout: time.Minute, Ask: func(_ context.Context, questions []int) (answers []string, _ error) {
			sizes = append(sizes, len(questions))
			time.Sleep(time.Second)
			for _, q := range questions {
				answers = append(answers, strconv.Itoa(q))
			}
			return answers, nil
		}}
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				got, err := asked.Do([]int{2 * i, 2*i + 1})
				if want := []string{strconv.Itoa(2 * i), strconv.Itoa(2*i + 1)}; err != nil || !slices.Equal(got, want) {
					t.Errorf("answers %q, %v; want %q", got, err, want)
				}
			})
			if i == 0 {
				synctest.Wait()
			}
		}
		all.Wait()
		if want := []int{2, 18}; !slices.Equal(sizes, want) {
			t.Errorf("questions of %v, want %v", sizes, want)
		}
	})
}

// A question that cannot be answered spoils no other.
func TestTogetherOneIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := errors.New("7 is damaged")
		asked := &Calls[int, int]{Timeout: time.Minute, Ask: func(_ context.Context, questions []int) ([]int, error) {
			time.Sleep(time.Second)
			if slices.Contains(questions, 7) {
				return nil, wrong
			}
			return questions, nil
		}}
		failed := make([]error, 10)
		var all sync.WaitGroup
		for i := range failed {
			all.Go(func() { _, failed[i] = asked.Do([]int{i}) })
		}
		all.Wait()
		want := make([]error, 10)
		want[7] = wrong
		if diff := cmp.Diff(want, failed, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	})
}

// A question is not endless, and bounded in size.
func TestTogetherBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		most := 0
		asked := &Calls[int, int]{Timeout: 5 * time.Second, Ask: func(ctx context.Context, questions []int) ([]int, error) {
			mu.Lock()
			most = max(most, len(questions))
			mu.Unlock()
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		var all sync.WaitGroup
		for range 3 * Most {
			all.Go(func() {
				if _, err := asked.Do([]int{1}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v, want the end of its time", err)
				}
			})
		}
		all.Wait()
		if most > Most {
			t.Errorf("a question of %d, want at most %d", most, Most)
		}
	})
}
