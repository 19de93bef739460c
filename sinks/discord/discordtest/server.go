package discordtest

import (
	"io"
	"maps"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// Config configures a Server. The zero value accepts any bot and channel and has
// no rate limits but those of old edits and of invalid requests; see [Realistic].
type Config struct {
	Token    string          // of the only bot accepted; any bot if empty
	Channels []string        // that exist; any if empty
	Rooms    map[string]Room // what is particular about a channel
	Guild    *Guild          // the server whose channels they are; nil for direct messages
	Webhooks []Webhook       // that exist

	Creates       Limit         // of one bot in one channel
	Edits         Limit         // of one bot in one channel
	OneBucket     bool          // creates and edits count together, up to Creates
	Executes      Limit         // of one webhook
	WebhookEdits  Limit         // of one webhook
	Threads       Limit         // started by one bot in one channel
	Writes        Limit         // to one channel by all together, of which no header tells; code 20028 for bots
	ServerWrites  Limit         // to all channels together, of which no header tells; code 20029
	OldEdits      Limit         // of messages older than an hour in one channel, code 30046; defaults to 3 in 20 s
	Global        Limit         // all requests of one bot, or of all webhooks
	Invalid       Limit         // 401, 403 and 429 before the ban; defaults to 10,000 in 10 min
	Ban           time.Duration // defaults to an hour
	ActiveThreads int           // of one channel, code 160006; defaults to 1,000

	NonceWindow time.Duration  // defaults to five minutes
	AnyMentions bool           // accept a body without allowed_mentions, as Discord does
	Automod     *regexp.Regexp // text refused with code 200000
	Harmful     *regexp.Regexp // text refused with code 240000

	Latency time.Duration                             // before each request is looked at
	Delay   func(Request) (there, back time.Duration) // before it is looked at and before the answer; see [Spread]
	// Grace is how long after an answer the client cannot be expected to know
	// it; defaults to nothing with [Server.Transport] and to 50 ms on a network.
	Grace time.Duration
}

// A Room is what is particular about a channel. Its limits replace those of the
// Config unless they are zero.
type Room struct {
	Creates, Edits, Writes Limit
	Slowmode               time.Duration // between two messages of one author, code 20016
	Announcements          Limit         // of edits in an announcement channel, code 20022
	Overwrites             []Overwrite   // what the channel allows and denies
	Parent                 string        // the channel of a thread
}

// Realistic returns a Config with the limits that are documented or were
// measured; the package comment names their sources.
func Realistic() Config {
	five := Limit{5, 5 * time.Second}
	return Config{
		Creates: five, Edits: five, Threads: five,
		Executes: Limit{5, 2 * time.Second}, WebhookEdits: Limit{5, 2 * time.Second},
		Global: Limit{50, time.Second},
	}
}

func (c Config) withDefaults() Config {
	if c.NonceWindow == 0 {
		c.NonceWindow = 5 * time.Minute
	}
	if c.OldEdits == (Limit{}) {
		c.OldEdits = Limit{3, 20 * time.Second}
	}
	if c.Invalid == (Limit{}) {
		c.Invalid = Limit{10_000, 10 * time.Minute}
	}
	if c.Ban == 0 {
		c.Ban = time.Hour
	}
	if c.ActiveThreads == 0 {
		c.ActiveThreads = 1000
	}
	return c
}

// A Server is a Discord with one memory. It is an http.Handler; see
// [Server.Transport] for use without a network.
type Server struct {
	config Config
	mux    *http.ServeMux

	mu         sync.Mutex
	token      string // accepted now; any if empty
	script     func(Request) *Fault
	refused    map[string]int // code by channel
	snowflakes snowflakes
	messages   map[string]*Message // by id
	order      []string            // of ids
	nonces     map[string]nonced   // by author and nonce
	threads    threads
	webhooks   map[string]Webhook // by id
	buckets    map[string]*bucket
	told       map[string]*knowledge // by bucket; "" is everything
	goneHooks  map[string]time.Time  // when the client was told that it is gone
	invalid    bucket
	banned     time.Time // until then
	requests   []Request
	forgotten  int // the first requests, of a client that is no more
	violations []Violation
	inFlight   map[string]int
	mostBusy   map[string]int
}

// New returns a Server.
func New(c Config) *Server {
	c = c.withDefaults()
	s := &Server{
		config:    c,
		mux:       http.NewServeMux(),
		token:     c.Token,
		refused:   make(map[string]int),
		messages:  make(map[string]*Message),
		nonces:    make(map[string]nonced),
		threads:   newThreads(),
		webhooks:  make(map[string]Webhook),
		buckets:   make(map[string]*bucket),
		told:      make(map[string]*knowledge),
		goneHooks: make(map[string]time.Time),
		invalid:   bucket{limit: c.Invalid},
		inFlight:  make(map[string]int),
		mostBusy:  make(map[string]int),
	}
	for _, w := range c.Webhooks {
		s.webhooks[w.ID] = w
	}
	for method, byPath := range routes {
		for path, route := range byPath {
			s.mux.HandleFunc(method+" /api/v10"+path, s.handle(route))
			if route.webhook { // people paste its URL, which has no version
				s.mux.HandleFunc(method+" /api"+path, s.handle(route))
			}
		}
	}
	return s
}

// A route is an operation of the API.
type route struct {
	name    string
	webhook bool // the path itself authorizes
	do      func(*Server, *call) answer
}

var routes = map[string]map[string]route{
	http.MethodGet: {
		"/users/@me":                             {"me", false, (*Server).me},
		"/guilds/{guild}":                        {"guild", false, (*Server).guild},
		"/guilds/{guild}/members/{user}":         {"member", false, (*Server).member},
		"/channels/{channel}":                    {"get", false, (*Server).get},
		"/channels/{channel}/messages/{message}": {"read", false, (*Server).read},
		"/webhooks/{webhook}/{token}":            {"get webhook", true, (*Server).getWebhook},
	},
	http.MethodPost: {
		"/channels/{channel}/messages":                   {"create", false, (*Server).create},
		"/channels/{channel}/messages/{message}/threads": {"thread", false, (*Server).startThread},
		"/webhooks/{webhook}/{token}":                    {"execute", true, (*Server).execute},
	},
	http.MethodPatch: {
		"/channels/{channel}/messages/{message}":         {"edit", false, (*Server).edit},
		"/webhooks/{webhook}/{token}/messages/{message}": {"webhook edit", true, (*Server).edit},
	},
	http.MethodDelete: {
		"/channels/{channel}/messages/{message}":         {"delete", false, (*Server).remove},
		"/webhooks/{webhook}/{token}/messages/{message}": {"webhook delete", true, (*Server).remove},
	},
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := s.mux.Handler(r); pattern == "" {
		answer{status: http.StatusNotFound, body: errorBody{Message: "404: Not Found"}}.write(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// A call is a request on its way through the server.
type call struct {
	*http.Request
	route       route
	body        []byte
	req         Request
	author      string // an id
	key         string // of the bucket
	fault       *Fault
	there, back time.Duration
	grace       time.Duration
	blamed      bool // there is a violation already
}

const maxBody = 25 << 20

// handle surrounds a route with what all have in common.
func (s *Server) handle(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return // the client is gone
		}
		c := s.begin(rt, r, body)
		var sent answer
		defer func() { s.end(c, sent) }()

		if !pause(r, c.there) {
			return
		}
		a := s.answer(c)
		if !pause(r, c.back+a.stall) {
			return
		}
		if a.status == 0 {
			panic(http.ErrAbortHandler) // closes the connection
		}
		sent = a
		a.write(w)
	}
}

// answer decides what c is told: by those before Discord, by a fault, or by
// Discord.
func (s *Server) answer(c *call) answer {
	if a := s.ban(c); a.status != 0 {
		return a
	}
	s.judge(c)
	if c.fault != nil && !c.fault.After {
		return s.asAnswer(c, answer{})
	}
	a := s.serve(c)
	if c.fault != nil {
		return s.asAnswer(c, a)
	}
	return a
}

// serve is Discord without faults.
func (s *Server) serve(c *call) answer {
	if a := s.admit(c); a.status != 0 {
		return a
	}
	limits := s.limit(c)
	if limits.status != 0 {
		return limits
	}
	a := s.closed(c)
	if a.status == 0 {
		a = c.route.do(s, c)
	}
	maps.Copy(limits.header, a.header)
	a.header = limits.header
	if a.until.IsZero() {
		a.until, a.about = limits.until, limits.about
	}
	return a
}
