package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A local program has a home while its target is open: a directory among the temporary ones, with a file that says
// whose it is and, beside it, the directory that the program sees as {dir}. The program and whatever it starts carry
// the home's token in their environment, so that a later run knows them for what they are.
const (
	homePrefix = "mqttspec-"
	ownerFile  = "owner" // the owner (see owner), the token, then the process id of each life, each on a line
	dataDir    = "data"

	// tokenVariable holds the token in the environment of a local program.
	tokenVariable = "MQTTSPEC_RUN"
)

// home is the place of a local program.
type home struct {
	path  string
	token string
}

// newHome makes a home of this process.
func newHome(name string) (h home, err error) {
	h.token = runToken()
	if h.path, err = os.MkdirTemp("", homePrefix+name+"-"); err != nil {
		return home{}, err
	}
	mark := owner(os.Getpid()) + "\n" + h.token + "\n"
	err = errors.Join(os.WriteFile(filepath.Join(h.path, ownerFile), []byte(mark), 0o600), os.Mkdir(h.data(), 0o755))
	return h, err
}

// data is the directory that the program may write into.
func (h home) data() string { return filepath.Join(h.path, dataDir) }

// note writes down a life of the program.
func (h home) note(pid int) error {
	f, err := os.OpenFile(filepath.Join(h.path, ownerFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, pid)
	return errors.Join(err, f.Close())
}

// remove takes the home away. It does nothing for the zero value.
func (h home) remove() error {
	if h.path == "" {
		return nil
	}
	return os.RemoveAll(h.path)
}

// LeftHomes returns the directories of local programs that runs which were killed have left behind. [CleanHomes] removes
// them, and ends what still runs of the programs.
func LeftHomes() (paths []string, err error) {
	homes, err := leftHomes()
	for _, h := range homes {
		paths = append(paths, h.path)
	}
	return paths, err
}

// CleanHomes ends the local programs that killed runs have left, and removes their directories, which it returns. It
// touches nothing of which it is not certain that this user made it, for a process that is not alive any more.
func CleanHomes() (removed []string, err error) {
	homes, err := leftHomes()
	for _, h := range homes {
		if e := errors.Join(endMarked(h.token), h.remove()); e != nil {
			err = errors.Join(err, fmt.Errorf("%s cannot be removed: %w", h.path, e))
			continue
		}
		removed = append(removed, h.path)
	}
	return removed, err
}

// leftHomes finds the homes whose owner is gone.
func leftHomes() (left []home, err error) {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), homePrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || !mine(info) {
			continue // another user may write there what it wants us to believe
		}
		if h, ok := leftHome(path); ok {
			left = append(left, h)
		}
	}
	return left, nil
}

// leftHome reads whose a directory is, and reports whether it is a home whose owner is gone.
func leftHome(path string) (h home, ok bool) {
	name := filepath.Join(path, ownerFile)
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || !mine(info) {
		return h, false
	}
	mark, err := os.ReadFile(name)
	if err != nil {
		return h, false
	}
	lines := strings.Split(strings.TrimSpace(string(mark)), "\n")
	if len(lines) < 2 || len(lines[1]) < len(runToken()) {
		return h, false
	}
	return home{path, lines[1]}, abandoned(lines[0], time.Since(info.ModTime())) && !livesOn(lines[2:])
}

// abandoned reports whether the owner of a home is certainly not alive. One of another place counts as alive as long as
// this machine has not been started anew.
func abandoned(owner string, age time.Duration) bool {
	_, where, _ := strings.Cut(owner, "@")
	boot, _, _ := strings.Cut(where, "/")
	here, _, _ := strings.Cut(place(), "/")
	return gone(owner, where != place() && boot == here, age)
}
