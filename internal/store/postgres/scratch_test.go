package postgres

import (
	"testing"

	"catalyst/internal/testenv"
)

func TestScratchIsGoneWhenDropped(t *testing.T) {
	ctx, home, name := t.Context(), testenv.Postgres(t), unique()
	own, drop, err := Scratch(ctx, home, name)
	if err != nil {
		t.Fatal(err)
	}
	if steps, err := Migrate(ctx, own); err != nil || steps == 0 {
		t.Errorf("migrate: %d steps, %v; want all of them, in a schema that is empty", steps, err)
	}
	for range 2 {
		if err := drop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var left int
	row := connect(t, home).QueryRow(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", name)
	if err := row.Scan(&left); err != nil || left != 0 {
		t.Errorf("%d schemas %s are left, %v", left, name, err)
	}
}
