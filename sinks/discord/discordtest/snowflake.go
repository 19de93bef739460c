package discordtest

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// discordEpoch is where the time in Discord's ids begins.
var discordEpoch = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)

// snowflakes makes ids that tell their time in the upper bits.
type snowflakes struct{ last uint64 }

// next returns an id above all before it. A clock that is before Discord's
// epoch, as in a bubble of testing/synctest, is taken to be 26 years ahead.
func (s *snowflakes) next(now time.Time) string {
	if now.Before(discordEpoch) {
		now = now.AddDate(26, 0, 0)
	}
	s.last = max(s.last+1, uint64(now.Sub(discordEpoch).Milliseconds())<<22)
	return strconv.FormatUint(s.last, 10)
}

func isSnowflake(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}

// botID is the id of the bot that has a token. As Discord's tokens begin with it,
// tokens with the same beginning up to the first dot are one bot's.
func botID(token string) string {
	bot, _, _ := strings.Cut(token, ".")
	h := fnv.New64a()
	h.Write([]byte(bot))
	return strconv.FormatUint(h.Sum64()>>8|1<<58, 10)
}
