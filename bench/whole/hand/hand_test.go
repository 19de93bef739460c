package hand_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"catalyst/bench/whole/fakes"
	"catalyst/bench/whole/hand"
	"catalyst/internal/news"
	"catalyst/internal/testenv"
)

// The program does what it is compared for: each story is posted once and gets its
// verdict, an equal one that of the first; noise, duplicates and old news get nothing, and
// both streams are acknowledged.
func TestHandDoesTheWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := hand.Tuned
	c.Redis, c.Prefix = testenv.Redis(t), "hand"+strings.ToLower(rand.Text())
	c.Raw, c.Analyse = c.Prefix+".raw", c.Prefix+".analyse"
	c.Database = schema(t, testenv.Postgres(t), c.Prefix)
	service := new(fakes.Server)
	server := httptest.NewServer(service)
	defer server.Close()
	c.Model, c.Discord = server.URL, server.URL
	client := connect(t, c.Redis, c.Prefix)

	const good = 12
	want := map[string]int{}
	var items []*news.Item
	for i := range good {
		item := &news.Item{
			Source: "wire", GUID: fmt.Sprint("good-", i), URL: fmt.Sprint("https://news.example.com/", i), Tickers: []string{fmt.Sprint("T", i%3)},
			Title: fmt.Sprintf("Company %d receives FDA approval for its product %d", i, i), Published: time.Now(), Received: time.Now(),
		}
		again, old, noise := *item, *item, *item
		old.GUID, old.URL, old.Published = item.GUID+"-old", item.URL+"/old", time.Now().Add(-time.Hour)
		noise.GUID, noise.URL, noise.Title = item.GUID+"-noise", item.URL+"/noise", fmt.Sprintf("Company %d to present at the winter conference", i)
		items = append(items, item, &again, &old, &noise)
		want[item.URL] = 1
	}
	p, err := hand.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	put, alerts := 0, 0
	work := func(more int, items ...*news.Item) {
		for _, item := range items {
			publish(t, client, c.Raw, fmt.Sprint(put), item)
			put++
		}
		alerts += more
		for service.Counts().Judged < alerts || !acknowledged(ctx, client, c.Raw, put) || !acknowledged(ctx, client, c.Analyse, alerts) {
			select {
			case <-tick.C:
			case err := <-ended:
				t.Fatalf("ended with %v after %+v", err, service.Counts())
			}
		}
	}
	work(good, items...)
	update := *items[0]
	update.GUID, update.URL, update.Title = "update", update.URL+"/update", "UPDATE: "+update.Title
	work(1, &update) // which says the same: no question
	want[update.URL] = 1
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	got := service.Counts()
	if diff := cmp.Diff(want, got.Alerts); diff != "" {
		t.Errorf("alerts: %s", diff)
	}
	if got.Posts != good+1 || got.Edits != good+1 || got.Questions != good {
		t.Errorf("%d messages, %d edits, %d questions; want %d, %[4]d and %d", got.Posts, got.Edits, got.Questions, good+1, good)
	}
}

func publish(t *testing.T, c *redis.Client, stream, id string, item *news.Item) {
	payload, err := news.Encode(item)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []any{"_watermill_message_uuid", id, "payload", payload}}).Err(); err != nil {
		t.Fatal(err)
	}
}

// acknowledged reports whether so many entries of a stream were read and acknowledged.
func acknowledged(ctx context.Context, c *redis.Client, stream string, n int) bool {
	groups, err := c.XInfoGroups(ctx, stream).Result()
	return err == nil && len(groups) == 1 && groups[0].EntriesRead == int64(n) && groups[0].Pending == 0
}

func connect(t *testing.T, address, prefix string) *redis.Client {
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal("REDIS_URL is no URL of Redis")
	}
	c := redis.NewClient(options)
	t.Cleanup(func() {
		ctx := context.Background()
		for keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			c.Del(ctx, keys.Val())
		}
		c.Close()
	})
	return c
}

// schema makes one of the test's own and returns the address with it.
func schema(t *testing.T, address, name string) string {
	db, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public", "CREATE SCHEMA " + name} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := db.Exec(context.Background(), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
		db.Close(context.Background())
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("DATABASE_URL is no URL")
	}
	q := u.Query()
	q.Set("search_path", name+",public")
	u.RawQuery = q.Encode()
	return u.String()
}
