// Package store is the contract of what the pipeline remembers between
// messages. Stories, Ledger, Embeddings, Meters and Notes live beside the broker
// (Redis, or the embedded file); Answers and Costs live in PostgreSQL (with pgvector)
// or in the embedded file. storetest holds the conformance suites.
//
// Every method takes a batch and asks its server once. Nothing may be assumed
// about a batch that returned an error: any part of it may have been stored, and
// all methods may be called again with what was already stored. Only [Meters] then
// count it again: after an error of theirs, count on it having been taken.
package store

import (
	"context"
	"time"
)

// Stories decides, once, which message speaks for an item, tells it what other messages
// told shortly before it, and keeps who told what again.
type Stories interface {
	// Join claims the key of each arrival: the ID is recorded under it unless another holds
	// it. Two equal keys in one batch: the first wins. A key is held for keep.Key from its
	// first claim; claiming it again, by anyone, does not prolong it. All this is atomic
	// over all processes.
	//
	// Where the claim is the arrival's own and it names a group, Join puts it behind all
	// others of the group. It returns who holds the key of each and what stood before it, in
	// the order of the batch. The order of a group is one for all processes, and an arrival
	// that joins again keeps its place.
	//
	// An arrival has nothing before it if its key is another's, if it has no group, or if it
	// joins again and its place is forgotten: what passed once must never find itself
	// behind those that came later.
	//
	// A group is kept for keep.Story from when it was last joined, measured by the store's
	// clock. It holds [GroupSize] arrivals. When it is full, the oldest make room, unless
	// they are younger than keep.Recent at the time of the newest of the batch; where
	// there is no room, what joins sees all that stand there and is given no place.
	Join(ctx context.Context, arrivals []Arrival, keep Keep) ([]Joined, error)

	// Yield records that messages tell what another one told before. What they saw is kept
	// under that one's ID, once for each source and up to [MaxSightings]. A key that is held
	// by the message that yields is held by the other from now on, for the time it has left:
	// the message then is a duplicate whenever it comes. It loses its place in the group.
	Yield(ctx context.Context, yields []Yield, keep Keep) error

	// Sightings returns what others told again of the story of each message ID, in the
	// order asked, the first first.
	Sightings(ctx context.Context, ids []string) ([][]Sighting, error)
}

const (
	GroupSize    = 128 // arrivals in a group of stories
	MaxSightings = 16  // of one story
)

// Keep says how long things are remembered. Each is a millisecond at least.
type Keep struct {
	Key    time.Duration // a claim, from when it was made
	Story  time.Duration // a group from when it was joined, sightings from the last one
	Recent time.Duration // how old an arrival must be to make room for another
}

// An Arrival is a message that claims Key, and that may be about what others of its Group
// are about.
type Arrival struct {
	Key   string    // of the item
	ID    string    // of the message
	Group string    // what its story is compared within; empty joins none
	Text  string    // what is compared
	At    time.Time // by the pipeline's clock; kept to the millisecond
}

// Joined is the answer to an [Arrival].
type Joined struct {
	Owner  string    // the message ID that holds the key
	Before []Arrival // of its group, the first first; each without its Group
}

// A Yield says that the message ID, with Key and Group as it joined, tells again what the
// message To has told, and how.
type Yield struct {
	Key, ID, Group, To string
	Saw                Sighting
}

// A Sighting is how a source told a story that another told first.
type Sighting struct {
	Source, URL, Title string
	At                 time.Time // kept to the millisecond
}

// Ledger is the durable record of effects, which makes sinks idempotent.
type Ledger interface {
	// Effects returns what is recorded under each key, in the order asked; the zero
	// Effect where nothing is.
	Effects(ctx context.Context, keys []string) ([]Effect, error)

	// Record stores effects for at least keep, replacing what was under their keys.
	Record(ctx context.Context, effects []Effect, keep time.Duration) error

	// Pending returns up to limit effects that were last recorded as pending, before a
	// time, and whose keys begin with prefix: the oldest first.
	Pending(ctx context.Context, prefix string, before time.Time, limit int) ([]Effect, error)
}

// An Effect is something done in the outside world that must happen once.
type Effect struct {
	// Key names the effect: "discord/<channel>/<item key>".
	Key string
	// ID is what the outside world calls it (a Discord message id).
	ID string
	// State is the sink's own note on what was last shown, to skip equal edits.
	State string
	// Pending says that something is still to follow: see [Ledger.Pending].
	Pending bool
	// At is when it was recorded, set by the Ledger.
	At time.Time
}

// Embeddings keeps vectors by the text they were made from.
type Embeddings interface {
	// Vectors returns the vector of each hash within space (embedder, version and
	// dimension), in the order asked; nil where there is none.
	Vectors(ctx context.Context, space string, hashes []string) ([][]float32, error)

	// Keep stores vectors for ttl. Storing twice is storing once.
	Keep(ctx context.Context, space string, vectors map[string][]float32, ttl time.Duration) error
}

// Answers is the semantic cache: verdicts, found by what they were about.
type Answers interface {
	// Nearest returns, for each query and in their order, the live answer of the
	// query's scope whose vector is most similar, or whose hash is equal (which
	// counts as similarity 1). One round trip for all of them.
	Nearest(ctx context.Context, queries []Query) ([]Match, error)

	// Remember stores answers; a second one with the same scope and hash replaces
	// the first.
	Remember(ctx context.Context, answers []Answer) error

	// Expire deletes up to limit expired answers and returns how many. Expired
	// answers are never found, deleted or not.
	Expire(ctx context.Context, limit int) (int, error)
}

// Scope is what must be equal before similarity is even asked about.
type Scope struct {
	// Namespace names kind, prompt, models, embedder and dimension. Vectors of
	// one namespace have one dimension.
	Namespace string
	// Tickers is the sorted ticker set joined by commas.
	Tickers string
}

// A Query asks for the answer nearest to Vector, a unit vector.
type Query struct {
	Scope
	Hash   string // of the exact text, hex
	Vector []float32
}

// A Match is the answer nearest to a query.
type Match struct {
	Found      bool
	Similarity float64 // cosine, −1 … 1; exactly 1 for an equal hash
	Key        string  // of the item that was analysed
	Value      []byte  // as it was remembered
	At         time.Time
}

// An Answer is a verdict to remember.
type Answer struct {
	Scope
	Hash    string
	Vector  []float32
	Key     string
	Value   []byte
	At      time.Time
	Expires time.Time
}

// Meters count what is used of limits: requests, tokens, money, calls under way.
type Meters interface {
	// Take takes every amount if none would go beyond its limit; otherwise it takes
	// nothing and tells which meter is the first that would. It is atomic over all
	// processes: what several of them take never adds up to more than a limit.
	Take(ctx context.Context, meters []Meter) (Taken, error)

	// Add adds amounts, which may be negative, whatever the limits: it settles what was
	// taken for more or less than was used. With a Holder and an amount below 0 it
	// gives the holder's place back; with 0 it renews it, unless it was given back or
	// its time has passed; with more it takes one.
	Add(ctx context.Context, meters []Meter) error

	// Used returns what each counter stands at, in the order asked, be it amounts or
	// holders; 0 where there is none, or where it has expired.
	Used(ctx context.Context, counters []string) ([]int64, error)
}

// A Meter is an amount and the limit it counts towards.
type Meter struct {
	// Counters are summed up and compared with Limit; the amount is added to the
	// first. A day has one counter, a sliding minute one for every few seconds of it.
	Counters []string
	Amount   int64
	Limit    int64 // negative: counted, and never full
	// Holder makes this a count of holders instead of amounts: of those who were given
	// a place in the one counter and have neither given it back nor let Keep pass since
	// they took or renewed it. Amount is then 1.
	Holder string
	// Keep is how long the first counter is kept after it was last added to. It must be
	// longer than its window, and 1ms at least.
	Keep time.Duration
}

// Taken is the answer to [Meters.Take].
type Taken struct {
	OK   bool
	Full int     // if not OK: the index of the meter that is full
	Used []int64 // and what each of its counters stands at
}

// Notes are small values by name that outlive a process: what a breaker knows, what
// the operator was told.
type Notes interface {
	// Notes returns the value under each name, in the order asked; nil where there is
	// none, or where it has expired.
	Notes(ctx context.Context, names []string) ([][]byte, error)

	// Note keeps value under name for at least keep, in place of what was there. An
	// empty value removes it.
	Note(ctx context.Context, name string, value []byte, keep time.Duration) error
}

// Costs is the book of calls to models.
type Costs interface {
	// Book stores calls, each as [Call.Clean] has it. Booking one again, by its ID, is
	// booking it once.
	Book(ctx context.Context, calls []Call) error

	// Spent sums up the calls from one time on, up to and without another, by what by
	// says, the dearest first. A call about several tickers counts towards each of them
	// with its equal share, whole nano-dollars left over with the first.
	Spent(ctx context.Context, from, to time.Time, by CostKey) ([]Spending, error)

	// Forget deletes up to limit calls made before a time and returns how many.
	Forget(ctx context.Context, before time.Time, limit int) (int, error)
}

// A Call is one call to a model, and what it cost.
type Call struct {
	ID       string // a UUID
	At       time.Time
	Key      string   // of the item; the first one's, where a call was about several
	Source   string   // of the item
	Tickers  []string // of the items
	Provider string
	Model    string
	Prompt   string // name and version
	Status   string // ok, or the class of the error
	// Tokens: In counts the whole prompt, Cached what of it was read from the server's
	// cache, Written what was written to it, Out the answer with its thoughts.
	TokensIn, TokensCached, TokensWritten, TokensOut int
	NanoDollars                                      int64
	Unpriced                                         bool // nobody knows the price: NanoDollars is 0 and means nothing
	Estimated                                        bool // the server did not say what it used
	Latency                                          time.Duration
}

// CostKey says by what costs are summed up.
type CostKey string

const (
	BySource   CostKey = "source"
	ByTicker   CostKey = "ticker"
	ByProvider CostKey = "provider"
	ByModel    CostKey = "model"
	ByDay      CostKey = "day" // of UTC
)

// Spending is a sum of calls. Calls about several tickers are shared out by money
// only: each of the tickers counts the call and its tokens.
type Spending struct {
	Name                string // the source, ticker, …; empty where the call has none
	Calls, Failed       int
	Unpriced            int
	TokensIn, TokensOut int64
	NanoDollars         int64
}
