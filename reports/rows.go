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
	return w.append("row of "+r.ID, r)
}

// append writes one line; what says what it is about.
func (w *RowWriter) append(what string, value any) error {
	line, err := json.Marshal(value)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if err == nil {
		_, err = w.file.Write(append(line, '\n'))
	}
	if err != nil {
		w.err = fmt.Errorf("%s: %w", what, err)
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

// ReadRows reads the rows of a rows file. A last line without its end, which a crash or a full disk leaves, is passed
// over; a malformed line anywhere else is an error.
func ReadRows(path string) ([]Row, error) {
	var d Diary
	err := readRows(path, &d)
	return d.Rows, err
}

// readRows reads a rows file line by line.
func readRows(path string, d *Diary) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("rows: %w", err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := d.take(line); err != nil && !last {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
		if last {
			return nil
		}
	}
}

// take adds what a line says. Lines of kinds that a later version has are passed over.
func (d *Diary) take(line []byte) error {
	var kind struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	switch kind.Event {
	case "run":
		return json.Unmarshal(line, &d.Head)
	case "target":
		var o opening
		err := json.Unmarshal(line, &o)
		if err == nil {
			d.Targets = append(d.Targets, o.Target)
		}
		return err
	case "over":
		d.Over = new(Over)
		return json.Unmarshal(line, d.Over)
	case "begin", "end":
		var r Row
		err := json.Unmarshal(line, &r)
		if err == nil {
			d.Rows = append(d.Rows, r)
		}
		return err
	}
	return nil
}
