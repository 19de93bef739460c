package local

import (
	"errors"
	"time"

	"catalyst/internal/config"
)

// Config says how a server is looked after. It is the field care of a provider's
// configuration.
type Config struct {
	WarmUp    bool          `yaml:"warm_up" doc:"loads the model at the start, after an outage and when it is wanted again; calls go elsewhere meanwhile"`
	Every     time.Duration `yaml:"every" doc:"time between two looks at the server; 0 leaves it alone altogether"`
	GPU       string        `yaml:"gpu" enum:"auto|sysfs|rocm-smi|nvidia-smi|server|none" doc:"what tells how full the GPU's memory is: server goes by what the server says of its model, auto takes the first of the four that works (on another machine: server)"`
	GPUMemory config.Size   `yaml:"gpu_memory" doc:"the GPU's memory, where gpu is server, which does not say; 0 leaves the share unknown"`
	Recycle   Recycle       `yaml:"recycle" doc:"when the model is unloaded and loaded again"`
}

// Recycle are the reasons to load a model afresh.
type Recycle struct {
	After         time.Duration `yaml:"after" doc:"so long after it was loaded; 0 is never"`
	AfterRequests int           `yaml:"after_requests" doc:"after so many calls; 0 is never"`
	MemoryAbove   float64       `yaml:"memory_above" doc:"when more than this share of the GPU's memory is in use, or the model has spilled into the CPU's; 0 is never"`
	SpeedBelow    float64       `yaml:"tokens_per_second_below" doc:"when it writes slower than this share of what it did when it was fresh; 0 is never"`
	AfterErrors   int           `yaml:"after_errors" doc:"after so many calls in a row that failed by the server's fault; 0 is never"`
	CoolDown      time.Duration `yaml:"cool_down" doc:"time between two; doubles while they do not help"`
}

// Defaults watch every server and recycle one that is in trouble, and none only
// because time has passed.
var Defaults = Config{
	WarmUp: true,
	Every:  15 * time.Second,
	GPU:    "auto",
	Recycle: Recycle{
		MemoryAbove: 0.85,
		SpeedBelow:  0.5,
		AfterErrors: 5,
		CoolDown:    10 * time.Minute,
	},
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	if c.Every < 0 || c.Every > 0 && c.Every < time.Second {
		faults = append(faults, config.At("every", "must be 0 or at least 1s"))
	}
	return errors.Join(faults...)
}

// Validate reports every fault.
func (r Recycle) Validate() error {
	var faults []error
	if r.After < 0 {
		faults = append(faults, config.At("after", "must not be below 0"))
	}
	if r.AfterRequests < 0 {
		faults = append(faults, config.At("after_requests", "must not be below 0"))
	}
	if r.MemoryAbove < 0 || r.MemoryAbove >= 1 {
		faults = append(faults, config.At("memory_above", "is a share: from 0 to below 1"))
	}
	if r.SpeedBelow < 0 || r.SpeedBelow >= 1 {
		faults = append(faults, config.At("tokens_per_second_below", "is a share: from 0 to below 1"))
	}
	if r.AfterErrors < 0 {
		faults = append(faults, config.At("after_errors", "must not be below 0"))
	}
	if r.CoolDown < time.Minute {
		faults = append(faults, config.At("cool_down", "must be at least 1m: loading takes most of that"))
	}
	return errors.Join(faults...)
}
