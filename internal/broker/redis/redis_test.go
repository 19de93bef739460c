package redis_test

import (
	"context"
	"testing"

	"catalyst/internal/broker"
	"catalyst/internal/broker/brokertest"
	"catalyst/internal/broker/redis"
	"catalyst/internal/testenv"
)

func TestConformance(t *testing.T) {
	brokertest.Test(t, func(tb testing.TB) func() broker.Broker {
		return func() broker.Broker { return open(tb, redis.Options{}) }
	})
}

// open connects to the server of the tests until the end of the test.
func open(tb testing.TB, options redis.Options) *redis.Broker {
	tb.Helper()
	b, err := redis.Open(context.Background(), testenv.Redis(tb), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.Close() })
	return b
}
