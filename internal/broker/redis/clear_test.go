package redis_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"catalyst/internal/broker"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

func TestClearTakesWhatBeginsSoAndNothingElse(t *testing.T) {
	ctx, url, prefix := t.Context(), testenv.Redis(t), "clear-"+rand.Text()
	b := open(t, redis.Options{Name: prefix})
	s, err := b.Subscriber(broker.Config{Group: prefix, Quarantine: refuse(t)})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := s.Subscribe(ctx, prefix+":topic")
	if err != nil {
		t.Fatal(err)
	}
	other := "not-" + prefix
	defer client(t).Del(context.Background(), other)
	for _, topic := range []string{prefix + ":topic", other} {
		if err := b.Publisher().Publish(topic, message.NewMessage("m", []byte("{}"))); err != nil {
			t.Fatal(err)
		}
	}
	<-messages // so the group has a member, who dies
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	n, err := redis.Clear(ctx, url, prefix)
	if err != nil || n == 0 {
		t.Fatalf("%d keys deleted, %v", n, err)
	}
	left, err := client(t).Keys(ctx, "*"+prefix+"*").Result()
	if err != nil || len(left) != 1 || left[0] != other {
		t.Errorf("left are %v, %v; want %s alone", left, err, other)
	}
	if n, err := redis.Clear(ctx, url, prefix); n != 0 || err != nil {
		t.Errorf("the second time: %d keys, %v", n, err)
	}
	for _, wrong := range []string{"", "*", "a*"} {
		if _, err := redis.Clear(ctx, url, wrong); err == nil {
			t.Errorf("Clear(%q) did it", wrong)
		}
	}
}
