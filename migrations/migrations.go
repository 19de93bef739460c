// Package migrations holds the numbered SQL that makes and changes the tables,
// for goose. A file that has been released is never edited: what must change gets
// a file of its own.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

var (
	// SQLite makes the tables of the embedded database: broker and stores.
	SQLite = sub("sqlite")
	// Postgres makes the tables of the semantic cache in PostgreSQL.
	Postgres = sub("postgres")
)

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // dir is no path at all
	}
	return f
}
