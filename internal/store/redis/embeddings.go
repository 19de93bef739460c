package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

const embeddingKey = ":embedding:"

// Vectors implements [store.Embeddings].
func (s *Store) Vectors(ctx context.Context, space string, hashes []string) ([][]float32, error) {
	if len(hashes) == 0 {
		return nil, nil
	}
	keys := make([]string, len(hashes))
	for i, hash := range hashes {
		keys[i] = s.key(embeddingKey, space, hash)
	}
	values, err := s.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("look up vectors: %w", err)
	}
	vectors := make([][]float32, len(hashes))
	for i, value := range values {
		if b, ok := value.(string); ok {
			vectors[i] = decode(b)
		}
	}
	return vectors, nil
}

// Keep implements [store.Embeddings].
func (s *Store) Keep(ctx context.Context, space string, vectors map[string][]float32, ttl time.Duration) error {
	if len(vectors) == 0 {
		return nil
	}
	if err := lasting(ttl); err != nil {
		return fmt.Errorf("keep vectors: %w", err)
	}
	pipe := s.client.Pipeline()
	for hash, v := range vectors {
		pipe.Set(ctx, s.key(embeddingKey, space, hash), encode(v), ttl)
	}
	if err := failure(pipe.Exec(ctx)); err != nil {
		return fmt.Errorf("keep vectors: %w", err)
	}
	return nil
}

// encode writes 4 bytes a dimension, the least significant first.
func encode(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// decode returns nil for what is no vector: a cache that forgot is made again.
func decode(b string) []float32 {
	if len(b) == 0 || len(b)%4 != 0 {
		return nil
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24)
	}
	return v
}
