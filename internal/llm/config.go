package llm

import (
	"errors"
	"time"

	"catalyst/internal/config"
)

// JoinFaults checks what all providers' configurations have in common and joins
// what it finds to the faults found before.
func JoinFaults(faults []error, timeout, firstToken time.Duration, maxChars int, temperature *float64) error {
	if timeout < 0 {
		faults = append(faults, config.At("timeout", "must not be below 0"))
	}
	if firstToken < 0 || timeout > 0 && firstToken > timeout {
		faults = append(faults, config.At("first_token", "must lie between 0 and timeout"))
	}
	if maxChars < 0 {
		faults = append(faults, config.At("max_chars", "must not be below 0"))
	}
	if temperature != nil && (*temperature < 0 || *temperature > 2) {
		faults = append(faults, config.At("temperature", "must lie between 0 and 2"))
	}
	return errors.Join(faults...)
}
