package semanticcache

import (
	"encoding/json"
	"errors"
	"fmt"

	"catalyst/internal/news"
)

// A value is what is stored of a verdict, and what it was about. Version changes with its
// form, so that an older program's answers are misses and no surprises.
type value struct {
	Version  int            `json:"v"`
	Subject  subject        `json:"subject"`
	Analysis *news.Analysis `json:"analysis"`
}

const version = 2

func encode(a *news.Analysis, about subject) ([]byte, error) {
	data, err := json.Marshal(value{version, about, a})
	if err != nil {
		return nil, fmt.Errorf("encode verdict: %w", err)
	}
	return data, nil
}

func decode(data []byte) (verdict *news.Analysis, about subject, err error) {
	var v value
	switch err := json.Unmarshal(data, &v); {
	case err != nil:
		return nil, subject{}, fmt.Errorf("decode verdict: %w", err)
	case v.Version != version:
		return nil, subject{}, fmt.Errorf("decode verdict: version %d, want %d", v.Version, version)
	case !v.Analysis.Done():
		return nil, subject{}, errors.New("decode verdict: there is none in it")
	}
	v.Analysis.Cached = nil
	return v.Analysis, v.Subject, nil
}

// Read returns the verdict of a remembered value, for whoever looks into the cache.
func Read(value []byte) (*news.Analysis, error) {
	verdict, _, err := decode(value)
	return verdict, err
}
