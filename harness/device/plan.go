package device

import (
	_ "embed"
	"time"

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
	// Limit is how long a step may take; one that takes longer is not decided. 0: as long as its waits add up to.
	Limit time.Duration `yaml:"limit"`
	// Parameters are what a user may set, with what they are otherwise. <name> in the rest of the plan stands for one.
	Parameters map[string]string `yaml:"parameters"`
	// Include names shipped plans whose steps come before those of this one.
	Include []string `yaml:"include"`
	Steps   []Step   `yaml:"steps"`
}

// Library is what plans may refer to.
type Library struct {
	Checks map[string]Check
	Plan   func(name string) (Plan, error) // a shipped plan, for Include; nil: there are none
	Set    map[string]string               // parameters; those that the plan does not have are passed over
}

// Step is one step of a plan. Its id is stable: baselines and diffs live on it.
type Step struct {
	ID      string `yaml:"id"`
	Text    string `yaml:"text"` // one sentence; its subject is the device
	Section string `yaml:"section"`
	// Only names the version of MQTT in which alone the step makes sense: "5" or "3.1.1". Empty: both.
	Only   string        `yaml:"only"`
	Limit  time.Duration `yaml:"limit"` // how long it may take; 0 means the plan's
	Script []Instruction `yaml:"script"`
	// Kept are statements about every packet, which monitors judge: the step brings about a situation in which the
	// device could break them.
	Kept []req.ID `yaml:"kept"`
}

// Instruction is one line of a script: exactly one of its members is set. Those of the first group look at what the
// device does; each goes on where the one before it stopped. Those of the second group stay in force until the step ends
// or Release takes them back; those of the third act at once. Both leave behind what has happened before.
type Instruction struct {
	Online *Online         `yaml:"online"`
	Await  *Await          `yaml:"await"`
	Expect *Expect         `yaml:"expect"`
	Check  *Call           `yaml:"check"`
	Wait   *time.Duration  `yaml:"wait"`
	Repeat *Repeat         `yaml:"repeat"`
	Idle   *Idle           `yaml:"idle"`
	Choose [][]Instruction `yaml:"choose"` // one of these scripts, by chance

	Rewind  *Empty   `yaml:"rewind"` // looks again at what came since the last instruction that acted
	Outages *Outages `yaml:"outages"`

	Withhold    *Filter      `yaml:"withhold"`
	Ignore      *Filter      `yaml:"ignore"`
	Collect     *Filter      `yaml:"collect"`
	Delay       *Delay       `yaml:"delay"`
	Refuse      *Refuse      `yaml:"refuse"`
	Connack     *Connack     `yaml:"connack"`
	Challenge   *Challenge   `yaml:"challenge"`
	Cut         *Cut         `yaml:"cut"`
	Slice       *Slice       `yaml:"slice"`
	Stall       *Empty       `yaml:"stall"`
	Hold        *Empty       `yaml:"hold"`
	Certificate *Certificate `yaml:"certificate"`
	Swap        *Filter      `yaml:"swap"`
	Shadow      *Shadow      `yaml:"shadow"`
	Watch       *Watch       `yaml:"watch"`

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
	// Verdict says what follows if it does not come, in the place of an undecided step.
	Verdict `yaml:",inline"`
}

// Match describes something that a device does: a packet of that type, or one of the events "open" (a Network
// Connection begins), "close" (the device ends it), "online" (its CONNECT has been accepted), "handshake" (TLS is
// established), "rejected" (the device has refused TLS) "plain" (it talks without TLS where TLS is
// spoken), "text" (over a WebSocket it sends another frame than a binary one), "end" (a Network Connection is over because of us), "offline" (one on which it had been accepted is over,
// however that came), "subscribed" (it has got a SUBACK) and "seen" (another client has got a message; see [Watch]).
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
	// Of looks at what was captured under that name, at once, instead of what comes.
	Of string `yaml:"of"`
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
	// May are statements that leave it to the device; they go with Record.
	May    []req.ID `yaml:"may"`
	Record string   `yaml:"record"` // the name of a behaviour; neither outcome counts against the device
}

// Call is a check written in Go.
type Call struct {
	Name    string             `yaml:"name"`
	With    map[string]float64 `yaml:"with"`
	Text    string             `yaml:"text"`
	Verdict `yaml:",inline"`
}

// Repeat runs a script several times: Times, or once for each name or code, or again and again until the time of For
// has passed. {each} in a text stands for the name or code. An iteration in which a statement is broken does not keep
// the others from running.
type Repeat struct {
	Times     int               `yaml:"times"`
	For       time.Duration     `yaml:"for"`       // with [Config.Duration], its share of that; the last iteration is not cut short
	Malformed []string          `yaml:"malformed"` // for Send with Each; "all" stands for all of [Malformed]
	Codes     []wire.ReasonCode `yaml:"codes"`     // for Refuse and Disconnect with Each
	Script    []Instruction     `yaml:"script"`
}

// Idle lets a time pass that chance chooses.
type Idle struct {
	Min time.Duration `yaml:"min"`
	Max time.Duration `yaml:"max"`
}

// Filter names packets by their type. Withhold does not send them to the device; Ignore acts as if the device had not
// sent them; Swap sends each two of them to the device in reverse order; Collect keeps them back until Release, which
// then sends them one behind the other. Release ends the rules about them, all rules if Packet is empty.
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

// Cut ends the connection at a packet, which is not passed on unless After is set. The packet "any" counts all of them.
type Cut struct {
	Filter `yaml:",inline"`
	Each   bool   `yaml:"each"` // nth is the number of the Repeat's iteration
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
	// Version is the only version of TLS that is spoken: "1.2" or "1.3". Empty: both.
	Version string `yaml:"version"`
}

// Disconnect sends DISCONNECT, which only 5.0 allows a server, and closes; in 3.1.1 it only closes.
type Disconnect struct {
	Code wire.ReasonCode `yaml:"code"`
	Each bool            `yaml:"each"` // the code is that of the Repeat
	// Reference is the Server Reference that 0x9C and 0x9D may carry.
	Reference string `yaml:"reference"`
	Long      bool   `yaml:"long"` // with a Property Length where it could be left out
}

// Publish lets the broker deliver messages to a topic that the device has subscribed to.
type Publish struct {
	QoS     wire.QoS `yaml:"qos"`
	Count   int      `yaml:"count"`   // 0 means 1
	Size    int      `yaml:"size"`    // of each payload, in bytes
	Payload string   `yaml:"payload"` // $name is the payload of what was captured under that name
	Retain  bool     `yaml:"retain"`
	// Topic is one to use instead of one that the device has subscribed to. {client} stands for the Client Identifier,
	// {thing} for the thing that the device speaks of, {shadow} for what the topics of its shadow begin with.
	Topic string `yaml:"topic"`
}

// HookCall asks the hook to make the device do something, such as "act", "reboot", "power-off", "power-on" or "stop".
// Without a hook whoever watches is asked.
type HookCall struct {
	Do string `yaml:"do"`
}
