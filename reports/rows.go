package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// RowWriter appends rows to a file, each in one write, so that a crash of the program loses none that was written.
// Passwords in traces are overwritten. It may be used from many goroutines.
type RowWriter struct {
	mu   sync.Mutex
	file *os.File
	err  error
}

// OpenRows creates the rows file at path, with its directory, and empties it if it exists.
func OpenRows(path string) (*RowWriter, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	return &RowWriter{file: f}, nil
}

// Write appends one row. After a failure, such as a full disk, nothing more is written (a further line would be glued
// to a cut one) and every call, [RowWriter.Close] included, returns that first error.
func (w *RowWriter) Write(r Row) error {
	r.Trace = masked(r.Trace, r.Version)
	line, err := json.Marshal(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err == nil {
		_, err = w.file.Write(append(line, '\n'))
	}
	if err != nil {
		w.err = fmt.Errorf("row of %s: %w", r.ID, err)
	}
	return w.err
}

// Close closes the file and returns the first error of the whole time.
func (w *RowWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.file.Close(); err != nil && w.err == nil {
		w.err = fmt.Errorf("rows: %w", err)
	}
	return w.err
}

// ReadRows reads a rows file. A last line without its end, which a crash or a full disk leaves, is passed over; a
// malformed line anywhere else is an error.
func ReadRows(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	defer func() { _ = f.Close() }()
	var rows []Row
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return rows, fmt.Errorf("rows: %w", err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			var r Row
			switch err := json.Unmarshal(line, &r); {
			case err == nil:
				rows = append(rows, r)
			case !last:
				return rows, fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		if last {
			return rows, nil
		}
	}
}
