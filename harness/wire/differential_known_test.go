package wire

import (
	"bytes"
	"io"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
)

// fitForPaho5 removes what paho.golang 0.23.0 cannot express or does wrong.
func fitForPaho5(p Packet) Packet {
	switch p := p.(type) {
	case Connect:
		p.Properties = fitProperties(p.Properties)
		if p.Will != nil {
			w := *p.Will
			w.Properties = fitProperties(w.Properties)
			p.Will = &w
		}
		return p
	case Connack:
		p.Properties = fitProperties(p.Properties)
		return p
	case Publish:
		p.Properties = fitProperties(p.Properties)
		// one field for a property that a server may send several times
		if all := p.Properties.All(PropSubscriptionIdentifier); len(all) > 1 {
			p.Properties = p.Properties.Without(PropSubscriptionIdentifier).With(all[0])
		}
		return p
	case Puback:
		p.Properties = fitProperties(p.Properties)
		return p
	case Pubrec:
		p.Properties = fitProperties(p.Properties)
		return p
	case Pubrel:
		p.Properties = fitProperties(p.Properties)
		return p
	case Pubcomp:
		p.Properties = fitProperties(p.Properties)
		return p
	case Subscribe:
		p.Properties = fitProperties(p.Properties)
		return p
	case Suback:
		p.Properties = fitProperties(p.Properties)
		return p
	case Unsubscribe:
		p.Properties = fitProperties(p.Properties)
		return p
	case Unsuback:
		p.Properties = fitProperties(p.Properties)
		return p
	case Disconnect:
		p.Properties = fitProperties(p.Properties)
		// Unpack always reads a Reason Code, so the shortest legal form is an error (EOF) to it
		p.LongForm = p.ReasonCode == Success && len(p.Properties) == 0
		return p
	case Auth:
		p.Properties = fitProperties(p.Properties)
		if p.ReasonCode != Success && !p.Properties.Has(PropAuthenticationMethod) {
			p.Properties = p.Properties.With(AuthenticationMethod("m"))
		}
		if len(p.Properties) > 0 && !p.Properties.Has(PropAuthenticationMethod) {
			p.Properties = nil
		}
		return p
	}
	return p
}

// asPaho5Writes gives what paho.golang 0.23.0 makes of a packet when it writes it: Pack takes the Will Properties for
// those of CONNECT, and so leaves five of the seven out.
func asPaho5Writes(p Packet) Packet {
	c, ok := p.(Connect)
	if !ok || c.Will == nil {
		return p
	}
	w := *c.Will
	for _, lost := range []PropertyID{PropPayloadFormatIndicator, PropMessageExpiryInterval, PropContentType, PropResponseTopic, PropCorrelationData} {
		w.Properties = w.Properties.Without(lost)
	}
	c.Will = &w
	return c
}

// fitProperties removes texts and bytes of no length: paho.golang does not tell them from a property that is absent.
func fitProperties(ps Properties) (fit Properties) {
	for _, p := range ps {
		if r, _ := p.ID.rule(); (r.form == formString || r.form == formBinary) && p.Text == "" {
			continue
		}
		fit = append(fit, p)
	}
	if fit.Has(PropAuthenticationData) && !fit.Has(PropAuthenticationMethod) {
		fit = fit.Without(PropAuthenticationData)
	}
	return fit
}

// TestKnownDifferences holds the mistakes of paho.golang 0.23.0 that fitForPaho5 and asPaho5Writes allow for. When one is
// gone, so is the reason for its line there.
func TestKnownDifferences(t *testing.T) {
	read := func(p Packet) (*paho5.ControlPacket, error) {
		return paho5.ReadPacket(bytes.NewReader(Bytes(p, V5)))
	}
	if _, err := read(Disconnect{}); err != io.EOF {
		t.Errorf("the shortest DISCONNECT is legal (3.14.2.1) and was not read; now: %v", err)
	}
	ids := Properties{SubscriptionIdentifier(1), SubscriptionIdentifier(2)}
	if cp, err := read(Publish{Topic: "t", Properties: ids}); err != nil || *cp.Content.(*paho5.Publish).Properties.SubscriptionIdentifier != 2 {
		t.Errorf("of several Subscription Identifiers the last was kept; now: %v, %v", cp, err)
	}
	cp, err := read(Connect{Will: &Will{Topic: "w", Properties: Properties{ContentType("x"), WillDelayInterval(1)}}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := cp.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	back, err := Decoder{Version: V5}.Decode(b.Bytes())
	if err != nil || len(back.(Connect).Will.Properties) != 1 {
		t.Errorf("the Content Type of a will was not written; now: %v, %v", back, err)
	}
	// NewControlPacket gives AUTH a flag that the fixed header must not have (MQTT-3.15.1-1)
	b.Reset()
	auth := paho5.NewControlPacket(paho5.AUTH)
	if _, err := auth.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := (Decoder{Version: V5}).Decode(b.Bytes()); faultOf(err) != FaultFlags {
		t.Errorf("AUTH was written with flags 0001; now: %v", err)
	}
}
