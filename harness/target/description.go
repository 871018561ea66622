package target

import (
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/mqttspec/mqttspec/harness"
)

// Description says what a target is and how it is reached or started. [Parse] makes one of what stands on the command
// line; ci/targets/target.schema.json is the schema of those in YAML files.
type Description struct {
	Name         string       `yaml:"name"`         // lower-case letters, digits and . _ -
	Software     string       `yaml:"software"`     // what the broker calls itself
	Contact      string       `yaml:"contact"`      // where findings are to be reported
	Notes        string       `yaml:"notes"`        // what a reader of a report should know
	StartTimeout Duration     `yaml:"startTimeout"` // from the start to the first CONNACK; 0 is [DefaultStartTimeout]
	Credentials  *Credentials `yaml:"credentials"`
	Claims       Claims       `yaml:"claims"`
	TLS          TLS          `yaml:"tls"`

	// Variants are other configurations, which specs of limits and rights ask for.
	Variants map[harness.Variant]VariantDescription `yaml:"variants"`

	// The ways to the broker. If there are several, [Open] takes the first one.
	Exec      *Exec      `yaml:"exec"`
	Container *Container `yaml:"container"`
	Address   *Address   `yaml:"address"`

	Spec string `yaml:"-"` // what the user wrote, without passwords; the name in reports

	reference *reference
	directory string // of the file, which names in it are relative to
	tag       string // of the container's image, "" for the default
	variant   harness.Variant
	witness   *Credentials
}

// Credentials are given in CONNECT where a spec does not write its own.
type Credentials struct {
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

// Claims is what a broker is said to do and cannot announce in CONNACK. A zero value claims nothing.
type Claims struct {
	Connections          int      `yaml:"connections"`          // clients connected at once
	QueuedMessages       *int     `yaml:"queuedMessages"`       // kept for one session whose client is away
	MaximumSessionExpiry Duration `yaml:"maximumSessionExpiry"` // the longest that is granted
	MinimumKeepAlive     Duration `yaml:"minimumKeepAlive"`     // the shortest that is accepted as it is
	MaximumKeepAlive     Duration `yaml:"maximumKeepAlive"`     // the longest that is accepted as it is
	Durable              *bool    `yaml:"durable"`              // acknowledged messages, sessions and retained messages survive a kill
}

// Duration is a length of time, in YAML such as 90s or 2h30m.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalYAML reads it. The error shows the place.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	parsed, err := time.ParseDuration(node.GetToken().Value)
	if err != nil {
		return &yaml.SyntaxError{Message: "not a length of time such as 90s or 2h30m", Token: node.GetToken()}
	}
	*d = Duration(parsed)
	return nil
}

// table returns the claims for a report, nil if there are none.
func (c Claims) table() map[string]string {
	t := map[string]string{}
	if c.Connections > 0 {
		t["connections"] = strconv.Itoa(c.Connections)
	}
	if c.QueuedMessages != nil {
		t["queued messages"] = strconv.Itoa(*c.QueuedMessages)
	}
	for name, d := range map[string]Duration{
		"maximum Session Expiry Interval": c.MaximumSessionExpiry,
		"minimum Keep Alive":              c.MinimumKeepAlive,
		"maximum Keep Alive":              c.MaximumKeepAlive,
	} {
		if d > 0 {
			t[name] = d.String()
		}
	}
	if c.Durable != nil {
		t["durable"] = map[bool]string{true: "yes", false: "no"}[*c.Durable]
	}
	if len(t) == 0 {
		return nil
	}
	return t
}

// TLS says whom to trust and who to be, for the transports tls and wss. File names are relative to the description.
type TLS struct {
	CA          string `yaml:"ca"`          // PEM file of authorities to trust instead of the system's
	Certificate string `yaml:"certificate"` // PEM file of the client's certificate
	Key         string `yaml:"key"`         // PEM file of its key
	ServerName  string `yaml:"serverName"`  // that the server's certificate must have, "" for the host of the address
	Insecure    bool   `yaml:"insecure"`    // trust whatever the server shows
}

// Exec is a local program. In command, environment and files {port} stands for the port on 127.0.0.1 that it must serve,
// {dir} for a directory of its own.
type Exec struct {
	Command   string            `yaml:"command"`   // split into words by quotes and spaces; no shell sees it
	Transport Transport         `yaml:"transport"` // spoken on {port}; "" is tcp
	Path      string            `yaml:"path"`      // of WebSocket connections; "" is /mqtt
	Env       map[string]string `yaml:"env"`       // added to our own
	Files     []File            `yaml:"files"`     // written into {dir} before the start
}

// Container is an image that a container engine can start.
type Container struct {
	Image      string            `yaml:"image"`      // the public one; {tag} stands for the tag that the user gives
	LocalImage string            `yaml:"localImage"` // the same from this machine alone
	Tags       []string          `yaml:"tags"`       // known to work; the first is the default
	PublicTags map[string]string `yaml:"publicTags"` // where the public image calls a tag otherwise: what it calls it
	Command    string            `yaml:"command"`    // replaces the arguments that the image has
	Ports      Ports             `yaml:"ports"`
	Path       string            `yaml:"path"` // of WebSocket connections; "" is /mqtt
	Env        map[string]string `yaml:"env"`
	Files      []File            `yaml:"files"` // copied into the container before its start, readable by everybody
}

// Ports are those inside a container, 0 where it does not serve the transport.
type Ports struct {
	TCP int `yaml:"tcp"`
	TLS int `yaml:"tls"`
	WS  int `yaml:"ws"`
	WSS int `yaml:"wss"`
}

func (p Ports) of(t Transport) int {
	return map[Transport]int{TransportTCP: p.TCP, TransportTLS: p.TLS, TransportWS: p.WS, TransportWSS: p.WSS}[t]
}

// File is given to a broker before it starts. Its content stands in the description or in another file.
type File struct {
	Path    string  `yaml:"path"` // where the broker finds it
	Content *string `yaml:"content"`
	From    string  `yaml:"from"` // relative to the description
}

// Address is a broker that is running.
type Address struct {
	URL string `yaml:"url"` // tcp:// tls:// ws:// or wss://
}

// Transport is how MQTT is carried.
type Transport string

// The transports.
const (
	TransportTCP Transport = "tcp"
	TransportTLS Transport = "tls"
	TransportWS  Transport = "ws"
	TransportWSS Transport = "wss"
)

// transports are all of them, in the order in which one is chosen.
var transports = []Transport{TransportTCP, TransportTLS, TransportWS, TransportWSS}

func (t Transport) secure() bool    { return t == TransportTLS || t == TransportWSS }
func (t Transport) webSocket() bool { return t == TransportWS || t == TransportWSS }

// port is the one that a URL without a port means.
func (t Transport) port() string {
	return map[Transport]string{TransportTCP: "1883", TransportTLS: "8883", TransportWS: "80", TransportWSS: "443"}[t]
}

// defaultPath is where brokers serve WebSocket connections, by custom.
const defaultPath = "/mqtt"
