package device

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Schema is the JSON schema of a plan, for editors.
//
//go:embed plan.schema.json
var Schema []byte

// Plan is what a device goes through: steps that wait for it, do something to it, and judge what it answers. Its YAML
// form is described by [Schema].
type Plan struct {
	Name string `yaml:"plan"`
	Text string `yaml:"text"`
	// Patience is how long the device may take to do something of its own accord, such as to connect again or to
	// publish. A step that waits longer in vain is not decided. 0 means a minute.
	Patience time.Duration `yaml:"patience"`
	// Include names shipped plans whose steps come before those of this one.
	Include []string `yaml:"include"`
	Steps   []Step   `yaml:"steps"`
}

// Library is what plans may refer to.
type Library struct {
	Checks map[string]Check
	Plan   func(name string) (Plan, error) // a shipped plan, for Include; nil: there are none
}

// Step is one step of a plan. Its id is stable: baselines and diffs live on it.
type Step struct {
	ID      string `yaml:"id"`
	Text    string `yaml:"text"` // one sentence; its subject is the device
	Section string `yaml:"section"`
	// Only names the version of MQTT in which alone the step makes sense: "5" or "3.1.1". Empty: both.
	Only   string        `yaml:"only"`
	Script []Instruction `yaml:"script"`
	// Kept are statements about every packet, which monitors judge: the step brings about a situation in which the
	// device could break them.
	Kept []req.ID `yaml:"kept"`
}

// Instruction is one line of a script: exactly one of its members is set. Those of the first group look at what the
// device does; each goes on where the one before it stopped. Those of the second group stay in force until the step ends
// or Release takes them back; those of the third act at once. Both leave behind what has happened before.
type Instruction struct {
	Online *Online        `yaml:"online"`
	Await  *Await         `yaml:"await"`
	Expect *Expect        `yaml:"expect"`
	Check  *Call          `yaml:"check"`
	Wait   *time.Duration `yaml:"wait"`
	Repeat *Repeat        `yaml:"repeat"`

	Withhold    *Filter      `yaml:"withhold"`
	Ignore      *Filter      `yaml:"ignore"`
	Delay       *Delay       `yaml:"delay"`
	Refuse      *Refuse      `yaml:"refuse"`
	Connack     *Connack     `yaml:"connack"`
	Cut         *Cut         `yaml:"cut"`
	Slice       *Slice       `yaml:"slice"`
	Stall       *Empty       `yaml:"stall"`
	Hold        *Empty       `yaml:"hold"`
	Certificate *Certificate `yaml:"certificate"`

	Release    *Filter     `yaml:"release"`
	Heal       *Empty      `yaml:"heal"`
	Close      *Empty      `yaml:"close"`
	Reset      *Empty      `yaml:"reset"`
	Disconnect *Disconnect `yaml:"disconnect"`
	Publish    *Publish    `yaml:"publish"`
	Send       *Send       `yaml:"send"`
	Forget     *Empty      `yaml:"forget"`
	Hook       *HookCall   `yaml:"hook"`
}

// Empty has nothing to say: the instruction's name says it all.
type Empty struct{}

// Online waits until the device has a connection whose CONNECT was accepted. If it does not come, the step is not
// decided.
type Online struct {
	Within     time.Duration `yaml:"within"`     // 0 means the plan's patience
	Subscribed bool          `yaml:"subscribed"` // it has also subscribed to something; one that does not is passed over
	Ever       bool          `yaml:"ever"`       // with Subscribed: it has done so at some time
}

// Match describes something that a device does: a packet of that type, or one of the events "open" (a Network
// Connection begins), "close" (the device ends it), "online" (its CONNECT has been accepted), "handshake" (TLS is
// established), "rejected" (the device has refused TLS) and "end" (a Network Connection is over
// because of us) and "subscribed" (it has got a SUBACK).
type Match struct {
	Packet string         `yaml:"packet"`
	Event  string         `yaml:"event"`
	Where  map[string]any `yaml:"where"` // conditions on what it consists of; see [Event.Attribute]
}

// Await waits for the device to do something that the step needs. What comes is known as As in later conditions.
type Await struct {
	Match  `yaml:",inline"`
	Within time.Duration `yaml:"within"` // 0 means the plan's patience
	As     string        `yaml:"as"`
	// Lacking turns an absence into a skip: what the device does not offer.
	Lacking string `yaml:"lacking"`
}

// Expect judges whether the device does something in time, or with Absent does not do it. At least one member of
// Verdict says what follows.
type Expect struct {
	Match  `yaml:",inline"`
	Text   string        `yaml:"text"`   // what is expected, in words
	Within time.Duration `yaml:"within"` // 0 means 10 seconds
	// KeepAlives adds as many times the Keep Alive in force. A device that has none is passed over.
	KeepAlives float64 `yaml:"keep-alives"`
	As         string  `yaml:"as"`
	// Of judges what was captured under that name, at once, instead of what comes.
	Of string `yaml:"of"`
	// Absent expects that nothing matches within that time, or until something matches Until.
	Absent bool   `yaml:"absent"`
	Until  *Match `yaml:"until"`
	// Or is something else that will do as well.
	Or      *Match `yaml:"or"`
	Verdict `yaml:",inline"`
}

// Verdict says what follows from an expectation that is not met.
type Verdict struct {
	Must   []req.ID `yaml:"must"`   // the statements are broken; the step ends
	Should []req.ID `yaml:"should"` // a warning; the step goes on
	// Demand names who demands what no statement of the standard says, such as "AWS Device Advisor": a failure.
	Demand string `yaml:"demand"`
	// Advice names who recommends what no statement of the standard says, such as "good practice": a
	// warning.
	Advice string `yaml:"advice"`
	Record string `yaml:"record"` // the name of a behaviour; neither outcome counts against the device
}

// Call is a check written in Go.
type Call struct {
	Name    string             `yaml:"name"`
	With    map[string]float64 `yaml:"with"`
	Text    string             `yaml:"text"`
	Verdict `yaml:",inline"`
}

// Repeat runs a script several times: Times, or once for each name or code. {each} in a text stands for it. An
// iteration in which a statement is broken does not keep the others from running.
type Repeat struct {
	Times     int               `yaml:"times"`
	Malformed []string          `yaml:"malformed"` // for Send with Each; "all" stands for all of [Malformed]
	Codes     []wire.ReasonCode `yaml:"codes"`     // for Refuse and Disconnect with Each
	Script    []Instruction     `yaml:"script"`
}

// Filter names packets by their type. Withhold does not send them to the device; Ignore acts as if the device had not
// sent them; Release ends the rules about them, all rules if Packet is empty.
type Filter struct {
	Packet string `yaml:"packet"`
	Nth    int    `yaml:"nth"`   // the first one that is meant, counted from 1
	Times  int    `yaml:"times"` // how many; 0 means all
}

// Delay sends packets to the device later. What follows them keeps its place behind them.
type Delay struct {
	Filter `yaml:",inline"`
	By     time.Duration `yaml:"by"`
}

// Refuse answers with a Reason Code in the place of success: CONNACK, PUBACK, PUBREC, SUBACK or UNSUBACK. In 3.1.1 the
// codes of CONNACK are 1 to 5, and only SUBACK has another, 0x80.
type Refuse struct {
	Filter `yaml:",inline"`
	Code   wire.ReasonCode `yaml:"code"`
	Each   bool            `yaml:"each"` // the code is that of the Repeat
}

// Connack changes what CONNACK says. The reference broker behind it does not know of it: the limits are announced, and
// whether the device keeps them is judged from what it sends.
type Connack struct {
	SessionPresent *bool             `yaml:"session-present"`
	Properties     map[string]uint32 `yaml:"properties"` // by names such as receive-maximum
}

// Cut ends the connection at a packet, which is not passed on unless After is set.
type Cut struct {
	Filter `yaml:",inline"`
	From   string `yaml:"from"` // who sends the packet: "device" or "server"
	How    string `yaml:"how"`  // "close" or "reset"
	After  bool   `yaml:"after"`
	Keep   int    `yaml:"keep"` // of a packet of the server: send this many of its bytes before the end
}

// Slice sends everything to the device in pieces.
type Slice struct {
	Size int           `yaml:"size"` // bytes in a piece
	Gap  time.Duration `yaml:"gap"`  // between two pieces
}

// Certificate chooses what the server shows in the TLS handshakes to come, from where the device came last.
type Certificate struct {
	Kind string `yaml:"kind"` // one of [CertificateKinds]
}

// Disconnect sends DISCONNECT, which only 5.0 allows a server, and closes; in 3.1.1 it only closes.
type Disconnect struct {
	Code wire.ReasonCode `yaml:"code"`
	Each bool            `yaml:"each"` // the code is that of the Repeat
	// Reference is the Server Reference that 0x9C and 0x9D may carry.
	Reference string `yaml:"reference"`
}

// Publish lets the broker deliver messages to a topic that the device has subscribed to.
type Publish struct {
	QoS     wire.QoS `yaml:"qos"`
	Count   int      `yaml:"count"` // 0 means 1
	Size    int      `yaml:"size"`  // of each payload, in bytes
	Payload string   `yaml:"payload"`
	Retain  bool     `yaml:"retain"`
	Topic   string   `yaml:"topic"` // instead of one that the device has subscribed to; {client} is the Client Identifier
}

// Send sends something directly, past the broker. Exactly one member is set, or Topic with those that describe a
// PUBLISH.
type Send struct {
	Malformed string   `yaml:"malformed"` // one of [Malformed]
	Each      bool     `yaml:"each"`      // the malformed packet is that of the Repeat
	Hex       string   `yaml:"hex"`
	Topic     string   `yaml:"topic"` // {client} is the Client Identifier
	QoS       wire.QoS `yaml:"qos"`
	Alias     int      `yaml:"alias"` // -1 is the device's own Topic Alias Maximum
	Bare      bool     `yaml:"bare"`  // leaves the Topic Name empty: the alias stands for it
	Payload   string   `yaml:"payload"`
	Size      int      `yaml:"size"`
}

// HookCall asks the hook to make the device do something, such as "act" or "reboot". Without a hook nothing happens.
type HookCall struct {
	Do string `yaml:"do"`
}

// Parse reads a plan, with the steps that it includes. The error shows the line.
func Parse(source []byte, l Library) (Plan, error) {
	var p Plan
	if err := yaml.UnmarshalWithOptions(source, &p, yaml.Strict()); err != nil {
		return p, fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	v := validator{source: source, checks: l.Checks, ids: map[string][]string{}}
	var included []Step
	for i, name := range p.Include {
		if l.Plan == nil {
			return p, fmt.Errorf("there is no plan to include")
		}
		other, err := l.Plan(name)
		if err != nil {
			v.fail(fmt.Sprintf("$.include[%d]", i), "%v", err)
			break
		}
		for _, s := range other.Steps {
			v.ids[s.ID] = append(v.ids[s.ID], s.Only)
		}
		included = append(included, other.Steps...)
	}
	v.plan(p)
	p.Steps = append(included, p.Steps...)
	return p, v.err
}

// ParseInstruction reads a single instruction, as [Bench.Do] takes it, from YAML or JSON.
func ParseInstruction(source []byte) (Instruction, error) {
	var in Instruction
	if err := yaml.UnmarshalWithOptions(source, &in, yaml.Strict()); err != nil {
		return in, fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	v := validator{source: source, names: map[string]bool{}}
	v.instruction("$", in)
	if v.err == nil && (in.Online != nil || in.Await != nil || in.Expect != nil || in.Check != nil || in.Wait != nil || in.Repeat != nil) {
		v.fail("$", "%s is for plans", in.members()[0])
	}
	return in, v.err
}

// validator finds the first thing that a plan says and no engine can do.
type validator struct {
	source []byte
	checks map[string]Check
	ids    map[string][]string // of steps so far, with the versions in which alone they make sense
	names  map[string]bool     // captured so far in the step
	err    error
}

// fail notes an error about the value at a path such as "$.steps[2].script[0]".
func (v *validator) fail(path, format string, args ...any) {
	if v.err != nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	where := path
	if p, err := yaml.PathString(path); err == nil {
		if excerpt, err := p.AnnotateSource(v.source, false); err == nil {
			where = "\n" + strings.TrimRight(string(excerpt), "\n")
		}
	}
	v.err = fmt.Errorf("%s: %s", text, where)
}

func (v *validator) plan(p Plan) {
	if p.Name == "" {
		v.fail("$", "the plan has no name: begin with plan")
	}
	if len(p.Steps)+len(p.Include) == 0 {
		v.fail("$", "the plan has no steps")
	}
	for i, s := range p.Steps {
		path := fmt.Sprintf("$.steps[%d]", i)
		switch {
		case s.ID == "" || s.Text == "":
			v.fail(path, "a step has an id and a text")
		case v.taken(s):
			v.fail(path+".id", "the id %s is there twice", s.ID)
		case !slices.Contains([]string{"", "5", "3.1.1"}, s.Only):
			v.fail(path+".only", "only is 5 or 3.1.1, not %q", s.Only)
		case len(s.Script) == 0:
			v.fail(path, "step %s has no script", s.ID)
		}
		v.ids[s.ID], v.names = append(v.ids[s.ID], s.Only), map[string]bool{}
		v.statements(path+".kept", s.Kept)
		v.script(path+".script", s.Script)
		if v.err == nil && len(s.Kept) == 0 && !judges(s.Script) {
			v.fail(path, "step %s judges nothing: it needs an expect, a check or kept", s.ID)
		}
	}
}

// taken reports whether a step before has the same id. Two steps may share one if each is of another version.
func (v *validator) taken(s Step) bool {
	return slices.ContainsFunc(v.ids[s.ID], func(only string) bool { return only == "" || s.Only == "" || only == s.Only })
}

// judges reports whether a script can find something.
func judges(script []Instruction) bool {
	return slices.ContainsFunc(script, func(i Instruction) bool {
		return i.Expect != nil || i.Check != nil || i.Repeat != nil && judges(i.Repeat.Script)
	})
}

func (v *validator) script(path string, script []Instruction) {
	for i, in := range script {
		v.instruction(fmt.Sprintf("%s[%d]", path, i), in)
	}
}

func (v *validator) instruction(path string, in Instruction) {
	if n := len(in.members()); n != 1 {
		v.fail(path, "an instruction has one name, this one has %d", n)
		return
	}
	path += "." + in.members()[0]
	switch {
	case in.Await != nil:
		v.match(path, in.Await.Match)
		v.names[in.Await.As] = true
	case in.Expect != nil:
		v.expect(path, *in.Expect)
	case in.Check != nil:
		if _, known := v.checks[in.Check.Name]; !known {
			v.fail(path+".name", "no check is called %q", in.Check.Name)
		}
		v.verdict(path, in.Check.Verdict)
	case in.Repeat != nil:
		if in.Repeat.Times < 1 && len(in.Repeat.Malformed)+len(in.Repeat.Codes) == 0 {
			v.fail(path, "times, malformed or codes says how often")
		}
		for _, name := range in.Repeat.Malformed {
			if _, known := malformed(name); !known && name != "all" {
				v.fail(path+".malformed", "no malformed packet is called %q; there are %s", name, strings.Join(Malformed(), ", "))
			}
		}
		v.script(path+".script", in.Repeat.Script)
	case in.Refuse != nil:
		if !slices.Contains([]string{"CONNACK", "PUBACK", "PUBREC", "SUBACK", "UNSUBACK"}, in.Refuse.Packet) {
			v.fail(path+".packet", "%s has no code to refuse with", in.Refuse.Packet)
		}
	case in.Cut != nil:
		v.packet(path, in.Cut.Packet)
		if in.Cut.From != "device" && in.Cut.From != "server" {
			v.fail(path, "from is device or server")
		}
		if in.Cut.How != "close" && in.Cut.How != "reset" {
			v.fail(path, "how is close or reset")
		}
	case in.Connack != nil:
		for name := range in.Connack.Properties {
			if _, ok := connackProperties[name]; !ok {
				v.fail(path+".properties", "CONNACK has no %q", name)
			}
		}
	case in.Certificate != nil:
		if !slices.Contains(CertificateKinds(), in.Certificate.Kind) {
			v.fail(path+".kind", "no certificate is called %q; there are %s", in.Certificate.Kind, strings.Join(CertificateKinds(), ", "))
		}
	case in.Send != nil:
		v.send(path, *in.Send)
	case in.Slice != nil && in.Slice.Size < 1:
		v.fail(path, "size is 1 or more")
	default:
		v.filters(path, in)
	}
}

// filters checks the packet types of instructions that have little else.
func (v *validator) filters(path string, in Instruction) {
	for _, f := range []*Filter{in.Withhold, in.Ignore} {
		if f != nil {
			v.packet(path, f.Packet)
		}
	}
	if in.Delay != nil {
		v.packet(path, in.Delay.Packet)
	}
	if in.Release != nil && in.Release.Packet != "" {
		v.packet(path, in.Release.Packet)
	}
}

func (v *validator) packet(path, name string) {
	if _, ok := wire.ParseType(name); !ok {
		v.fail(path, "no packet is called %q", name)
	}
}

func (v *validator) match(path string, m Match) {
	switch {
	case m.Packet != "" && m.Event != "" || m.Packet == "" && m.Event == "":
		v.fail(path, "a packet or an event is waited for")
	case m.Packet != "":
		v.packet(path+".packet", m.Packet)
	case !slices.Contains(eventNames, m.Event):
		v.fail(path+".event", "no event is called %q; there are %s", m.Event, strings.Join(eventNames, ", "))
	}
	for name, value := range m.Where {
		if !slices.Contains(attributeNames, name) {
			v.fail(path+".where", "nothing has %q; there are %s", name, strings.Join(attributeNames, ", "))
		}
		if ref, _, _ := reference(value); ref != "" && !v.names[ref] {
			v.fail(path+".where", "nothing before is known as %q", ref)
		}
	}
}

func (v *validator) expect(path string, e Expect) {
	if e.Of == "" {
		v.match(path, e.Match)
	} else if !v.names[e.Of] {
		v.fail(path+".of", "nothing before is known as %q", e.Of)
	}
	for _, m := range []*Match{e.Until, e.Or} {
		if m != nil {
			v.match(path, *m)
		}
	}
	if e.Text == "" {
		v.fail(path, "text says what is expected")
	}
	v.verdict(path, e.Verdict)
	v.names[e.As] = true
}

func (v *validator) verdict(path string, d Verdict) {
	v.statements(path+".must", d.Must)
	v.statements(path+".should", d.Should)
	if d.empty() {
		v.fail(path, "must, should, demand, advice or record says what follows from it")
	}
}

func (v *validator) statements(path string, ids []req.ID) {
	for _, id := range ids {
		if _, known := req.Lookup(id); !known {
			v.fail(path, "no statement is called %s", id)
		}
	}
}

func (v *validator) send(path string, s Send) {
	given := 0
	for _, is := range []bool{s.Malformed != "", s.Each, s.Hex != "", s.Topic != "" || s.Alias != 0} {
		if is {
			given++
		}
	}
	switch _, known := malformed(s.Malformed); {
	case given != 1:
		v.fail(path, "one of malformed, hex, and topic or alias is sent")
	case s.Malformed != "" && !known:
		v.fail(path+".malformed", "no malformed packet is called %q; there are %s", s.Malformed, strings.Join(Malformed(), ", "))
	}
}

// members returns the names of the members that are set.
func (in Instruction) members() (names []string) {
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			names = append(names, v.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return names
}

// String names the instruction, such as "withhold PUBACK".
func (in Instruction) String() string {
	names := in.members()
	if len(names) != 1 {
		return "nothing"
	}
	text, err := yaml.MarshalWithOptions(in.value(), yaml.Flow(true), yaml.OmitEmpty())
	if err != nil {
		return names[0]
	}
	return strings.TrimSuffix(names[0]+" "+strings.TrimSpace(string(text)), " {}")
}

// value returns the member that is set.
func (in Instruction) value() any {
	v := reflect.ValueOf(in)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			return v.Field(i).Interface()
		}
	}
	return nil
}

// Claims returns the statements of a version that the step can find broken.
func (s Step) Claims(v wire.Version) (ids []req.ID) {
	add := func(more ...req.ID) {
		for _, id := range ofVersion(more, v) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	var walk func([]Instruction)
	walk = func(script []Instruction) {
		for _, in := range script {
			switch {
			case in.Expect != nil:
				add(in.Expect.Must...)
				add(in.Expect.Should...)
			case in.Check != nil:
				add(in.Check.Must...)
				add(in.Check.Should...)
			case in.Repeat != nil:
				walk(in.Repeat.Script)
			}
		}
	}
	walk(s.Script)
	add(s.Kept...)
	return ids
}

// In reports whether the step makes sense with a device that speaks version v.
func (s Step) In(v wire.Version) bool { return strings.HasPrefix(v.String(), s.Only) }

// ofVersion returns the ids that belong to a version.
func ofVersion(ids []req.ID, v wire.Version) (of []req.ID) {
	for _, id := range ids {
		if strings.HasPrefix(string(id), req.Version(v).String()+":") {
			of = append(of, id)
		}
	}
	return of
}
