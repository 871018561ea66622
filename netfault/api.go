package netfault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// linkStatus is an open link in the API.
type linkStatus struct {
	Name    string            `json:"name"`
	Server  string            `json:"server,omitempty"` // the server's address, "" before it is connected
	Client  string            `json:"client,omitempty"` // the client's address
	MQTT    string            `json:"mqtt,omitempty"`   // the version, "" before the CONNECT
	Stalled []string          `json:"stalled,omitempty"`
	Delayed map[string]string `json:"delayed,omitempty"` // time by direction
	Rules   []ruleStatus      `json:"rules,omitempty"`
}

type ruleStatus struct {
	Rule  string `json:"rule"`
	Fired bool   `json:"fired"`
}

// faultStatus is a fault in the API.
type faultStatus struct {
	Fault  string `json:"fault"`
	Coming bool   `json:"coming"` // also for connections to come
	Fired  int    `json:"fired"`  // the connections on which it fired
}

// faultRequest asks for a fault.
type faultRequest struct {
	Fault  string `json:"fault"`
	Link   string `json:"link"`   // one link by its name; "" means all that are open
	Coming bool   `json:"coming"` // also for connections to come
}

// API returns a handler for looking at the proxy and injecting faults while it runs. Bodies are JSON; an error is
// {"error": text} with status 400, or 404 for a link that is not open.
//
//	GET  /links   the links that are open, with their rules
//	GET  /faults  the faults for all links, with the number of connections on which each has fired
//	POST /faults  {"fault": "reset", "link": "client-1", "coming": false}
//	POST /heal    {"link": "client-1"}
//
// A fault is a text for [ParseFault]. One at a packet waits for it; one at the opening of a connection acts at once
// on the links that are open. Without a link it is for all that are open, and with coming also for connections to come.
func (p *Proxy) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /links", func(w http.ResponseWriter, _ *http.Request) {
		list := []linkStatus{}
		for _, l := range p.Links() {
			list = append(list, l.status())
		}
		reply(w, http.StatusOK, list)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, p.faultStatus()) })
	mux.HandleFunc("POST /faults", p.postFault)
	mux.HandleFunc("POST /heal", p.postHeal)
	return http.NewCrossOriginProtection().Handler(mux) // no page in a browser may cut links
}

func (p *Proxy) postFault(w http.ResponseWriter, r *http.Request) {
	var q faultRequest
	if !read(w, r, &q) {
		return
	}
	f, err := ParseFault(q.Fault)
	if err == nil && q.Coming && q.Link != "" {
		err = errors.New("a fault for one link is not for connections to come")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	links, ok := p.named(w, q.Link)
	if !ok {
		return
	}
	kept := newProxyFault(f, q.Coming)
	if q.Coming || !f.Match.Open {
		p.mu.Lock()
		p.faults = append(p.faults, kept)
		p.mu.Unlock()
	}
	names := []string{}
	for _, l := range links {
		if f.Conn > 0 && linkName(f.Conn) != l.name {
			continue
		}
		names = append(names, l.name)
		if f.Match.Open {
			f.Inject(l)
		} else {
			p.arm(kept, l)
		}
	}
	reply(w, http.StatusOK, map[string]any{"fault": f.Text, "links": names})
}

func (p *Proxy) postHeal(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Link string `json:"link"`
	}
	if !read(w, r, &q) {
		return
	}
	links, ok := p.named(w, q.Link)
	if !ok {
		return
	}
	names := []string{}
	for _, l := range links {
		l.Heal()
		names = append(names, l.name)
	}
	reply(w, http.StatusOK, map[string]any{"links": names})
}

// named returns the open link of that name, or all for "". It replies itself if there is none.
func (p *Proxy) named(w http.ResponseWriter, name string) ([]*Link, bool) {
	links := p.Links()
	if name == "" {
		return links, true
	}
	for _, l := range links {
		if l.name == name {
			return []*Link{l}, true
		}
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("no link %q is open", name))
	return nil, false
}

func (p *Proxy) faultStatus() []faultStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []faultStatus{}
	for _, f := range p.faults {
		s := faultStatus{Fault: f.Text, Coming: f.coming, Fired: f.fired}
		for _, r := range f.rules {
			if r.HasFired() {
				s.Fired++
			}
		}
		list = append(list, s)
	}
	return list
}

func (l *Link) status() linkStatus {
	s := linkStatus{Name: l.name}
	for _, c := range l.connections() {
		s.Client, s.Server = c.client.RemoteAddr().String(), c.target.RemoteAddr().String()
		if v := wire.Version(c.version.Load()); v != 0 {
			s.MQTT = v.String()
		}
	}
	for _, d := range []Dir{ToServer, ToClient} {
		stalled, delay := l.gates[d].state()
		if stalled {
			s.Stalled = append(s.Stalled, dirName(d))
		}
		if delay > 0 {
			if s.Delayed == nil {
				s.Delayed = map[string]string{}
			}
			s.Delayed[dirName(d)] = delay.String()
		}
	}
	for _, r := range l.Rules() {
		s.Rules = append(s.Rules, ruleStatus{r.String(), r.HasFired()})
	}
	return s
}

// state returns what hinders.
func (g *gate) state() (stalled bool, delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stalled, g.delay
}

// maxRequest bounds the body of a request.
const maxRequest = 64 << 10

// read decodes a request's body. It replies itself if that is not what is expected.
func read(w http.ResponseWriter, r *http.Request, to any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}

func refuse(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}
