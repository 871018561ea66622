package target

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	imagename "github.com/distribution/reference"

	"github.com/mqttspec/mqttspec/ci/targets"
)

// Forms are the forms of a target on the command line, with what each one means.
func Forms() [][2]string {
	return [][2]string{
		{"reference", "the reference broker, in this process; reference?defect=NAME and &tolerance=NAME switch on what list defects and tolerances name"},
		{"tcp://HOST[:1883]", "a broker that is running"},
		{"tls://HOST[:8883]", "the same over TLS"},
		{"ws://HOST[:80][/mqtt]", "the same over a WebSocket"},
		{"wss://HOST[:443][/mqtt]", "the same over a WebSocket and TLS"},
		{"exec:COMMAND", "a local program that serves 127.0.0.1:{port} and may write into {dir}"},
		{"docker:IMAGE[:TAG]", "a container whose broker serves port 1883"},
		{"FILE.yaml", "a description; ci/targets/target.schema.json is its schema"},
		{"NAME[:TAG]", "a description that is shipped; exec:NAME and docker:NAME[:TAG] choose a way if it has several"},
	}
}

// Parse reads what a user gives as a target; see [Forms]. It reads the file if a description is named, and looks at
// nothing else. Every error is a [ConfigError].
func Parse(spec string) (Description, error) {
	d, err := parse(spec)
	if err != nil {
		return Description{}, err
	}
	if d.Address == nil || !strings.Contains(spec, "://") {
		d.Spec = spec
	}
	return d, nil
}

func parse(spec string) (Description, error) {
	name, query, _ := strings.Cut(spec, "?")
	scheme, rest, _ := strings.Cut(spec, ":")
	switch {
	case spec == "":
		return Description{}, configErrorf("the target is empty")
	case name == "reference":
		return parseReference(query)
	case strings.HasPrefix(rest, "//"):
		a, err := parseAddress(spec)
		if err != nil {
			return Description{}, &ConfigError{err}
		}
		return Description{Name: a.url.Hostname(), Address: &Address{spec}, Spec: a.url.Redacted()}, nil
	case scheme == "exec":
		return parseExec(rest)
	case scheme == "docker":
		return parseDocker(rest)
	}
	if d, ok, err := described(spec); err != nil || ok {
		return d, err
	}
	if _, port, err := net.SplitHostPort(spec); err == nil && port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return Description{}, configErrorf("the target %q has no transport: tcp://%s or another of tls, ws, wss", spec, spec)
		}
	}
	return Description{}, configErrorf("%q is no target: neither reference, nor an address such as tcp://host:1883, exec:COMMAND, docker:IMAGE, a .yaml file, nor one of %s",
		spec, strings.Join(shippedNames(), ", "))
}

// isFile reports whether a word names a description. Commands may end in the same way.
func isFile(name string) bool {
	return (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) && !strings.Contains(name, "{port}")
}

// described returns the description that a name stands for, with or without a tag: a file, or one that is shipped.
func described(name string) (d Description, ok bool, err error) {
	if isFile(name) {
		d, err = readFile(name)
		return d, true, err
	}
	name, tag, tagged := strings.Cut(name, ":")
	for _, d := range Shipped() {
		if d.Name != name {
			continue
		}
		if !tagged {
			return d, true, nil
		}
		if d.Container == nil || checkImage(name+":"+tag) != nil {
			return d, true, configErrorf("%s: %q is no tag of an image", name, tag)
		}
		d.Exec, d.tag = nil, tag // a tag belongs to an image
		return d, true, nil
	}
	return d, false, nil
}

func parseExec(command string) (Description, error) {
	if d, ok, err := described(command); err != nil || ok {
		if err == nil && d.Exec == nil {
			err = configErrorf("%s describes no command", d.Name)
		}
		d.Container, d.Address = nil, nil
		return d, err
	}
	e := &Exec{Command: command}
	if _, err := e.check(); err != nil {
		return Description{}, configErrorf("exec:%s: %w", command, err)
	}
	words, _ := splitCommand(command) // checked
	return Description{Name: programName(words[0]), Exec: e}, nil
}

func parseDocker(image string) (Description, error) {
	if d, ok, err := described(image); err != nil || ok {
		if err == nil && d.Container == nil {
			err = configErrorf("%s describes no container", d.Name)
		}
		d.Exec, d.Address = nil, nil
		return d, err
	}
	if err := checkImage(image); err != nil {
		return Description{}, configErrorf("docker:%s: %w", image, err)
	}
	name := image[strings.LastIndex(image, "/")+1:]
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return Description{Name: name, Container: &Container{Image: image, Ports: Ports{TCP: 1883}}}, nil
}

// checkImage says why no image can have a name, which an engine would only find out when it is asked for the image.
func checkImage(image string) error {
	_, err := imagename.ParseAnyReference(image)
	if err == nil {
		return nil
	}
	name, version := image, ""
	if at := strings.IndexAny(image[strings.LastIndexByte(image, '/')+1:], ":@"); at >= 0 {
		at += strings.LastIndexByte(image, '/') + 1
		name, version = image[:at], image[at:]
	}
	lower := strings.ToLower(name) + version
	if _, err := imagename.ParseAnyReference(lower); err == nil {
		return fmt.Errorf("no image has upper case in its name; perhaps %s is meant", lower)
	}
	return errors.New("no image has that name")
}

// address is a URL that names a broker.
type address struct {
	url       *url.URL
	transport Transport
	host      string // with its port
	path      string // of WebSocket connections
}

func parseAddress(spec string) (a address, err error) {
	u, err := url.Parse(spec)
	if err != nil {
		return a, fmt.Errorf("the address is no URL: %w", redacted(err))
	}
	a = address{url: u, transport: Transport(u.Scheme)}
	shown := u.Redacted()
	if !slices.Contains(transports, a.transport) {
		return a, fmt.Errorf("%s: unknown transport %q: tcp, tls, ws or wss", shown, u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = a.transport.port()
	}
	a.host, a.path = net.JoinHostPort(u.Hostname(), port), u.EscapedPath()
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return a, fmt.Errorf("%s: the port %s is not between 1 and 65535", shown, port)
	}
	switch {
	case u.Hostname() == "":
		return a, fmt.Errorf("%s: the host is missing", shown)
	case u.Fragment != "":
		return a, fmt.Errorf("%s: what follows # means nothing in an address", shown)
	case !a.transport.webSocket() && (a.path != "" && a.path != "/" || u.RawQuery != ""):
		return a, fmt.Errorf("%s: only addresses of WebSockets have a path", shown)
	}
	if a.path == "" {
		a.path = defaultPath
	}
	if u.RawQuery != "" {
		a.path += "?" + u.RawQuery
	}
	return a, nil
}

// redacted takes the URL, which may hold a password, out of an error of the package url.
func redacted(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // it is the outermost one
		return e.Err
	}
	return err
}

// Shipped returns the descriptions that are part of the program, by name.
func Shipped() (ds []Description) {
	for _, name := range shippedNames() {
		ds = append(ds, shipped(name))
	}
	return ds
}

// shipped reads one of them. A test reads them all.
func shipped(name string) Description {
	source, err := targets.Files.ReadFile(name + ".yaml")
	if err != nil {
		panic(err)
	}
	d, err := read(name+".yaml", "", source)
	if err != nil {
		panic(err)
	}
	d.Spec = d.Name
	return d
}

func shippedNames() (names []string) {
	files, err := fs.Glob(targets.Files, "*.yaml")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f, ".yaml"))
	}
	return names
}
