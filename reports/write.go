package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Format is an output that can be made of a result.
type Format string

// The outputs, by the name of their file.
const (
	JSON    Format = "result.json"
	JUnit   Format = "junit.xml"
	CTRF    Format = "ctrf.json"
	HTML    Format = "report.html"
	Summary Format = "summary.md"
	Badge   Format = "badge.json"
)

// Formats lists every output, the record first.
func Formats() []Format { return []Format{JSON, JUnit, CTRF, HTML, Summary, Badge} }

// Write makes the outputs of a result in a directory, which it creates; without formats it makes all of them. A file
// appears whole or not at all. It returns the paths of what it wrote; a failure of one output does not keep the others
// from being written, and the error tells of each.
func Write(dir string, r Result, formats ...Format) (written []string, err error) {
	if len(formats) == 0 {
		formats = Formats()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("report directory: %w", err)
	}
	var failures []failure
	for _, f := range formats {
		writer := map[Format]func(io.Writer, Result) error{
			JSON: WriteJSON, JUnit: WriteJUnit, CTRF: WriteCTRF, HTML: WriteHTML, Summary: WriteSummary, Badge: WriteBadge,
		}[f]
		if writer == nil {
			failures = append(failures, failure{string(f), errors.New("there is no such output")})
			continue
		}
		path := filepath.Join(dir, string(f))
		if err := replace(path, func(w io.Writer) error { return writer(w, r) }); err != nil {
			failures = append(failures, failure{path, err})
			continue
		}
		written = append(written, path)
	}
	return written, unwritten(failures)
}

// failure is why one output is missing.
type failure struct {
	path string
	err  error
}

// unwritten makes one sentence of the failures. Where all have one cause, as on a full disk, it is told once.
func unwritten(failures []failure) error {
	if len(failures) == 0 {
		return nil
	}
	var paths, each []string
	alike := true
	for _, f := range failures {
		if path := (*fs.PathError)(nil); errors.As(f.err, &path) {
			f.err = path.Err // the path is that of a file that is renamed when it is whole
		}
		if link := (*os.LinkError)(nil); errors.As(f.err, &link) {
			f.err = link.Err
		}
		paths, each = append(paths, f.path), append(each, f.path+": "+f.err.Error())
		alike = alike && f.err.Error() == strings.TrimPrefix(each[0], paths[0]+": ")
	}
	if alike {
		each = []string{strings.Join(paths, ", ") + strings.TrimPrefix(each[0], paths[0])}
	}
	return errors.New("cannot write " + strings.Join(each, "; "))
}

// replace writes a file beside path and renames it when all of it is on disk.
func replace(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// the error that led here is the one to tell
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	buffered := bufio.NewWriter(f)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
