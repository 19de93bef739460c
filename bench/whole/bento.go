package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"catalyst/bench/contest"
)

// A setting of Bento: how its parts are tuned.
type setting struct {
	name           string
	first, second  string // processors of the segments
	count          int    // items in a batch of the first segment, or what came in 5 ms
	threads, asked int    // batches under way in the segments
	parallel       int    // scripts of a batch under way at the same time
	idle           int    // connections that its HTTP client keeps to a host
}

// settings are those that are measured. "bento" does with Bento's own components all
// they can do, "bento-stock" with the two idle connections that its HTTP client has unless
// one builds it anew, "bento-go" has each segment as one processor that calls what the
// program by hand calls. What else was tried was no faster on two cores: bench/README.md.
var settings = []setting{
	{"bento", bentoFirst, bentoSecond, 100, 4, 16, 16, 256},
	{"bento-stock", bentoFirst, bentoSecond, 100, 4, 16, 16, 2},
	{"bento-go", "- announce_all: {}", "- judge_all: {}", 500, 4, 16, 0, 256},
}

// bentos builds Bento and returns the settings chosen; none where it cannot be built.
func (w *whole) bentos(ctx context.Context, chosen func(string) bool) (all []contestant, err error) {
	var program string
	for _, s := range append(settings, w.tried()...) {
		if !chosen(s.name) {
			continue
		}
		if program == "" {
			fmt.Fprintln(os.Stderr, "building Bento; the first time takes a minute")
			if program, err = contest.Build(ctx, w.folder, filepath.Join("bench", "bento"), "./whole", "bento"); err != nil {
				fmt.Fprintf(os.Stderr, "Bento is left out: %v\n", err)
				return nil, nil
			}
		}
		all = append(all, contestant{s.name, "bento", func(ctx context.Context, at stand) (*contest.Process, error) {
			return w.startBento(ctx, program, s, at)
		}})
	}
	return all, nil
}

// tried are settings that somebody wants to try: bento/COUNT/THREADS/ASKED/PARALLEL.
func (w *whole) tried() (all []setting) {
	for name := range strings.SplitSeq(w.only, ",") {
		words := strings.Split(name, "/")
		if len(words) != 5 {
			continue
		}
		for _, s := range settings {
			if s.name == words[0] {
				s.name = name
				for i, to := range []*int{&s.count, &s.threads, &s.asked, &s.parallel} {
					*to, _ = strconv.Atoi(words[i+1])
				}
				all = append(all, s)
			}
		}
	}
	return all
}

func (w *whole) startBento(ctx context.Context, program string, set setting, at stand) (*contest.Process, error) {
	fill := strings.NewReplacer("FIRST", indented(set.first), "SECOND", indented(set.second)).Replace
	values := strings.NewReplacer("REDIS", at.redis, "FAKES", at.fakes, "PREFIX", at.prefix,
		"COUNT", fmt.Sprint(set.count), "THREADS", fmt.Sprint(set.threads), "ASKED", fmt.Sprint(set.asked), "PARALLEL", fmt.Sprint(set.parallel))
	var paths []string
	for _, file := range []struct{ name, text string }{{"global", bentoGlobal}, {"first", bentoRaw}, {"second", bentoAnalyse}} {
		path := filepath.Join(w.folder, file.name+".yaml")
		if err := os.WriteFile(path, []byte(values.Replace(fill(file.text))), 0o600); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	env := []string{"REDIS_URL=" + at.redis, "DATABASE_URL=" + at.database, "PREFIX=" + at.prefix, "FAKES=" + at.fakes, "IDLE=" + strconv.Itoa(set.idle)}
	return contest.StartIn(ctx, w.folder, set.name, env, program, "-c", paths[0], "streams", paths[1], paths[2])
}

// indented puts processors where the files have FIRST and SECOND.
func indented(processors string) string {
	return strings.ReplaceAll(strings.TrimSpace(processors), "\n", "\n    ")
}

const bentoGlobal = `
http: {enabled: false}
logger: {level: ERROR}
`

const bentoRaw = `
input:
  batched:
    child:
      redis_streams:
        url: REDIS
        streams: [PREFIX.raw]
        body_key: payload
        consumer_group: bento
        client_id: bento
        limit: 500
        commit_period: 100ms
        start_from_oldest: true
    policy: {count: COUNT, period: 5ms}
pipeline:
  threads: THREADS
  processors:
    FIRST
output:
  redis_streams:
    url: REDIS
    stream: PREFIX.analyse
    body_key: payload
    max_in_flight: 64
`

const bentoAnalyse = `
input:
  batched:
    child:
      redis_streams:
        url: REDIS
        streams: [PREFIX.analyse]
        body_key: payload
        consumer_group: bento
        client_id: bento
        limit: 500
        commit_period: 100ms
        start_from_oldest: true
    policy: {count: 5, period: 50ms}
pipeline:
  threads: ASKED
  processors:
    SECOND
output:
  drop: {}
`

// bentoFirst has a round trip for each claim, story and note: Bento's components ask Redis
// for one message at a time, so several are under way.
const bentoFirst = `
- receive: {}
- parallel:
    cap: PARALLEL
    processors:
      - redis_script:
          url: REDIS
          script: |
            local owner = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'EX', 604800)
            if not owner or owner == ARGV[1] then return 1 end
            local seen = ARGV[3] .. owner
            redis.call('RPUSH', seen, ARGV[2])
            redis.call('EXPIRE', seen, 43200)
            return 0
          keys_mapping: 'root = [ "PREFIX:claim:" + this.key ]'
          args_mapping: 'root = [ this.id, this.saw, "PREFIX:seen:" ]'
- worth: {}
- parallel:
    cap: PARALLEL
    processors:
      - redis_script:
          url: REDIS
          script: |
            if ARGV[1] == '' then return {} end
            redis.call('RPUSH', KEYS[1], ARGV[2])
            redis.call('EXPIRE', KEYS[1], 43200)
            return redis.call('LRANGE', KEYS[1], 0, 127)
          keys_mapping: 'root = [ "PREFIX:story:" + this.group ]'
          args_mapping: 'root = [ this.group, this.line ]'
- told: {}
- http:
    url: FAKES/api/v10/channels/42/messages
    verb: POST
    headers: {Content-Type: application/json, Authorization: Bot token}
    parallel: true
- posted: {}
- parallel:
    cap: PARALLEL
    processors:
      - redis_script:
          url: REDIS
          script: |
            redis.call('HSET', KEYS[1], 'message', ARGV[1], 'state', 'pending')
            return redis.call('EXPIRE', KEYS[1], 2592000)
          keys_mapping: 'root = [ "PREFIX:ledger:" + this.key ]'
          args_mapping: 'root = [ this.message ]'
- pass_on: {}
`

const bentoSecond = `
- recall: {}
- switch:
    - check: content().length() > 0
      processors:
        - http:
            url: FAKES/v1/chat/completions
            verb: POST
            headers: {Content-Type: application/json}
            parallel: true
- judged: {}
- parallel:
    processors:
      - redis_script:
          url: REDIS
          script: |
            local found = redis.call('LRANGE', KEYS[1], 0, 31)
            table.insert(found, 1, redis.call('HGET', KEYS[2], 'message'))
            return found
          keys_mapping: 'root = [ "PREFIX:seen:" + this.id, "PREFIX:ledger:" + this.key ]'
          args_mapping: 'root = []'
- complete: {}
- http:
    url: FAKES/api/v10/channels/42/messages/${! @message_id }
    verb: PATCH
    headers: {Content-Type: application/json, Authorization: Bot token}
    parallel: true
- parallel:
    processors:
      - redis:
          url: REDIS
          command: hset
          args_mapping: 'root = [ "PREFIX:ledger:" + @key, "state", "complete" ]'
`
