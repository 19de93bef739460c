package operator

import (
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	if err := Defaults.Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if err := testConfig().Validate(); err != nil {
		t.Errorf("a channel with its token: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"channel: ":     func(c *Config) { c.Channel = "#alerts" },
		"token: ":       func(c *Config) { c.Token = "" },
		"base_url: ":    func(c *Config) { c.BaseURL = "discord.com" },
		"every: ":       func(c *Config) { c.Every = time.Second },
		"patience: ":    func(c *Config) { c.Patience = -1 },
		"cool_down: ":   func(c *Config) { c.CoolDown = -1 },
		"empty_after: ": func(c *Config) { c.EmptyAfter = 0 },
		"quiet_after: ": func(c *Config) { c.QuietAfter = 0 },
	} {
		c := testConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one fault of %s", err, want)
		}
	}
}
