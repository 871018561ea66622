package target

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// ConfigError is a target that cannot be what was asked for: a misspelt address, a description that breaks its schema,
// a file that is not there. It has nothing to do with the state of a broker.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.err }

func configErrorf(format string, args ...any) error {
	return &ConfigError{fmt.Errorf(format, args...)}
}

// readFile reads a description. Errors show the line.
func readFile(name string) (Description, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return Description{}, configErrorf("target description: %w", err)
	}
	return read(name, filepath.Dir(name), source)
}

// read reads a description. The name stands in errors; files are looked for from the directory on.
func read(name, directory string, source []byte) (Description, error) {
	var d Description
	if !utf8.Valid(source) {
		return d, configErrorf("%s is no text in UTF-8", name)
	}
	if err := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict()).Decode(&d); err != nil {
		return d, configErrorf("%s: %s", name, explainYAML(err))
	}
	d.directory = directory
	if path, err := d.check(); err != nil {
		return d, configErrorf("%s: %w%s", name, err, excerpt(path, source))
	}
	return d, nil
}

var (
	wrongType = regexp.MustCompile(`cannot unmarshal .* into Go (?:struct field \S+|value) of type (\S+)`)
	kinds     = map[string]string{"string": "text", "int": "a whole number", "bool": "true or false"}
)

// explainYAML says what is wrong in a file in the words of those who write it, and shows the place.
func explainYAML(err error) string {
	if errors.Is(err, io.EOF) {
		return "it is empty"
	}
	text := strings.TrimSpace(yaml.FormatError(err, false, true))
	text = strings.Replace(text, "found character '\t' that cannot start any token", "a tab stands where YAML wants spaces", 1)
	if kind := wrongType.FindStringSubmatch(text); kind != nil {
		wanted := kinds[kind[1]]
		switch {
		case strings.HasPrefix(kind[1], "[]"):
			wanted = "a list"
		case wanted == "":
			wanted = "a mapping"
		}
		text = strings.Replace(text, kind[0], "here belongs "+wanted, 1)
	}
	return text
}

// excerpt shows the place in a YAML file, on lines of its own. It is empty if the file does not have it.
func excerpt(path string, source []byte) string {
	p, err := yaml.PathString("$." + path)
	if err != nil {
		return ""
	}
	shown, err := p.AnnotateSource(source, false)
	if err != nil {
		return ""
	}
	return "\n" + strings.TrimRight(string(shown), "\n ")
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// check returns what is wrong with a description and the path of the guilty key.
func (d Description) check() (path string, err error) {
	switch {
	case d.Name == "":
		return "", errors.New("name is missing")
	case !namePattern.MatchString(d.Name):
		return "name", fmt.Errorf("the name %q must be of lower-case letters, digits and . _ -, and begin with a letter or a digit", d.Name)
	case d.Exec == nil && d.Container == nil && d.Address == nil:
		return "", errors.New("exec, container or address is missing: there is no way to the broker")
	case d.StartTimeout < 0:
		return "startTimeout", fmt.Errorf("startTimeout %s is negative", d.StartTimeout)
	case d.Credentials != nil && d.Credentials.Username == "":
		return "credentials", errors.New("username is missing")
	case (d.TLS.Certificate == "") != (d.TLS.Key == ""):
		return "tls", errors.New("a client needs both certificate and key")
	}
	if path, err = d.Claims.check(); err != nil {
		return "claims." + path, err
	}
	if d.Exec != nil {
		if path, err = d.Exec.check(); err != nil {
			return strings.TrimSuffix("exec."+path, "."), err
		}
	}
	if d.Container != nil {
		if path, err = d.Container.check(); err != nil {
			return strings.TrimSuffix("container."+path, "."), err
		}
	}
	if d.Address != nil {
		if _, err = parseAddress(d.Address.URL); err != nil {
			return "address.url", err
		}
	}
	return d.checkVariants()
}

func (c Claims) check() (path string, err error) {
	switch {
	case c.Connections < 0:
		return "connections", fmt.Errorf("connections %d is negative", c.Connections)
	case c.QueuedMessages != nil && *c.QueuedMessages < 0:
		return "queuedMessages", fmt.Errorf("queuedMessages %d is negative", *c.QueuedMessages)
	case c.MaximumSessionExpiry < 0:
		return "maximumSessionExpiry", fmt.Errorf("maximumSessionExpiry %s is negative", c.MaximumSessionExpiry)
	case c.MinimumKeepAlive < 0:
		return "minimumKeepAlive", fmt.Errorf("minimumKeepAlive %s is negative", c.MinimumKeepAlive)
	case c.MaximumKeepAlive < 0:
		return "maximumKeepAlive", fmt.Errorf("maximumKeepAlive %s is negative", c.MaximumKeepAlive)
	case c.MaximumKeepAlive > 0 && c.MinimumKeepAlive > c.MaximumKeepAlive:
		return "minimumKeepAlive", fmt.Errorf("minimumKeepAlive %s is above maximumKeepAlive %s", c.MinimumKeepAlive, c.MaximumKeepAlive)
	}
	return "", nil
}

func (e Exec) check() (path string, err error) {
	if e.Command == "" {
		return "", errors.New("command is missing")
	}
	if _, err := splitCommand(e.Command); err != nil {
		return "command", err
	}
	if !e.usesPort() {
		return "command", errors.New("neither command, env nor files have {port}, the port on 127.0.0.1 that the broker must serve")
	}
	if e.Transport != "" && !slices.Contains(transports, e.Transport) {
		return "transport", fmt.Errorf("the transport %q is none of %v", e.Transport, transports)
	}
	if err := checkPath(e.Path); err != nil {
		return "path", err
	}
	for i, f := range e.Files {
		if !filepath.IsLocal(f.Path) {
			return fmt.Sprintf("files[%d].path", i), fmt.Errorf("the path %q must lie in {dir}", f.Path)
		}
	}
	return checkFiles(e.Files)
}

// usesPort reports whether the program is told its port. A file that is read at the start may tell it.
func (e Exec) usesPort() bool {
	if strings.Contains(e.Command, "{port}") {
		return true
	}
	for value := range maps.Values(e.Env) {
		if strings.Contains(value, "{port}") {
			return true
		}
	}
	return slices.ContainsFunc(e.Files, func(f File) bool {
		return f.Content == nil || strings.Contains(*f.Content, "{port}")
	})
}

func (c Container) check() (path string, err error) {
	if c.Image == "" && c.LocalImage == "" {
		return "", errors.New("image or localImage is missing")
	}
	if c.Command != "" {
		if _, err := splitCommand(c.Command); err != nil {
			return "command", err
		}
	}
	for _, i := range []struct{ key, image string }{{"image", c.Image}, {"localImage", c.LocalImage}} {
		if strings.Contains(i.image, "{tag}") && len(c.Tags) == 0 {
			return i.key, fmt.Errorf("%s %s leaves the tag open, and tags has no default", i.key, i.image)
		}
		for _, tag := range append([]string{"x"}, c.Tags...) {
			image := strings.ReplaceAll(i.image, "{tag}", tag)
			if err := checkImage(image); image != "" && err != nil {
				return i.key, fmt.Errorf("%s %s: %w", i.key, image, err)
			}
		}
	}
	if c.Ports == (Ports{}) {
		return "ports", errors.New("ports has none of tcp, tls, ws, wss")
	}
	for _, t := range transports {
		if p := c.Ports.of(t); p < 0 || p > 65_535 {
			return "ports." + string(t), fmt.Errorf("the port %d is not between 1 and 65535", p)
		}
	}
	if err := checkPath(c.Path); err != nil {
		return "path", err
	}
	return checkFiles(c.Files)
}

func checkPath(path string) error {
	if path != "" && path[0] != '/' {
		return fmt.Errorf("the path %q does not begin with /", path)
	}
	return nil
}

func checkFiles(files []File) (path string, err error) {
	for i, f := range files {
		key := fmt.Sprintf("files[%d]", i)
		switch {
		case f.Path == "":
			return key, errors.New("path is missing")
		case f.Content == nil && f.From == "":
			return key, errors.New("content or from is missing")
		case f.Content != nil && f.From != "":
			return key, errors.New("content and from exclude each other")
		}
	}
	return "", nil
}

// content returns what a file is to hold.
func (d Description) content(f File) ([]byte, error) {
	if f.Content != nil {
		return []byte(*f.Content), nil
	}
	b, err := os.ReadFile(d.beside(f.From))
	if err != nil {
		return nil, configErrorf("target %s: %w", d.Name, err)
	}
	return b, nil
}

// beside returns the path of a file that a description names.
func (d Description) beside(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.directory, name)
}
