// Package whole writes files that are there whole or not at all.
package whole

import (
	"errors"
	"os"
	"path/filepath"
)

// Write writes a file under another name in its folder first, so that nobody ever sees half
// of it, and then puts it in the place of what was there. The folder is made if it is
// missing. After an error what was there is as it was. It is not synced to the disk: this is
// for what can be got again.
func Write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}
