package operator

import (
	"errors"
	"net/url"
	"regexp"
	"time"

	"catalyst/internal/config"
)

// Config is the section operator of pipeline.yaml.
type Config struct {
	Channel    string        `yaml:"channel" doc:"id of the Discord channel where the operator is told; without one only the log is"`
	Token      config.Secret `yaml:"token" doc:"token of the bot that posts there; needed with a channel"`
	BaseURL    string        `yaml:"base_url" doc:"Discord's address, or that of a proxy"`
	Every      time.Duration `yaml:"every" doc:"time between heartbeats; 0s for none"`
	Patience   time.Duration `yaml:"patience" doc:"how long an outage must last before the operator is told: most pass by themselves"`
	CoolDown   time.Duration `yaml:"cool_down" doc:"how long something must be over before it counts as over, and can be told again"`
	EmptyAfter time.Duration `yaml:"empty_after" doc:"how long a source may answer with nothing at all; one that only repeats what is known is not empty"`
	QuietAfter time.Duration `yaml:"quiet_after" doc:"how old the newest entry of a feed that answers may be; longer than any night, weekend or holiday"`
}

// Defaults are the values of what pipeline.yaml leaves out. Five days are longer than
// any holiday of an exchange.
var Defaults = Config{
	BaseURL:    "https://discord.com",
	Every:      time.Hour,
	Patience:   5 * time.Minute,
	CoolDown:   15 * time.Minute,
	EmptyAfter: 2 * time.Hour,
	QuietAfter: 5 * 24 * time.Hour,
}

var snowflake = regexp.MustCompile(`^[0-9]{1,20}$`)

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(wrong bool, field, format string, args ...any) {
		if wrong {
			faults = append(faults, config.At(field, format, args...))
		}
	}
	u, err := url.Parse(c.BaseURL)
	web := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	fault(c.Channel != "" && !snowflake.MatchString(c.Channel), "channel", "%q is no channel id; it is a number such as 112233445566778899", c.Channel)
	fault(c.Channel != "" && c.Token == "", "token", "is needed to post to a channel: set DISCORD_TOKEN")
	fault(!web, "base_url", "must be an http or https address such as %s", Defaults.BaseURL)
	fault(c.Every < 0 || c.Every > 0 && c.Every < time.Minute, "every", "%v is too often: want 1m or more, or 0s for none", c.Every)
	fault(c.Patience < 0, "patience", "%v: want 0s or more", c.Patience)
	fault(c.CoolDown < 0, "cool_down", "%v: want 0s or more", c.CoolDown)
	fault(c.EmptyAfter < time.Minute, "empty_after", "%v: want 1m or more", c.EmptyAfter)
	fault(c.QuietAfter < time.Hour, "quiet_after", "%v would call each quiet night an outage: want 1h or more", c.QuietAfter)
	return errors.Join(faults...)
}
