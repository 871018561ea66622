package ginkgo

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/reports"
)

// Round is a list of items against one target, once.
type Round struct {
	Title string
	Items []harness.Item
	// Begin makes the round's engine when Ginkgo comes to its first item. Its error makes every item of the round
	// undecided.
	Begin func() (*harness.Engine, error)
	// End is called when every item of the round has its row.
	End func()
}

// Run walks Ginkgo's tree of the rounds, one round after the other, and returns when all items have their rows or ctx
// is done. Ginkgo runs once in a process; what it prints and how it ends means nothing here and is silenced. The
// signals are taken from Ginkgo, which would print the stack of every goroutine, and given back to the channel.
func Run(ctx context.Context, title string, rounds []Round, signals chan<- os.Signal, taken ...os.Signal) {
	// rounds follow each other, since one target is closed before the next is opened; Ginkgo would shuffle the containers
	// at the top and sort by place in the code what is below them
	ginkgo.Describe(title, ginkgo.Ordered, ginkgo.ContinueOnFailure, func() {
		for _, round := range rounds {
			b := &begun{round: round, left: len(round.Items)}
			Build(round.Title, round.Items, func(_ context.Context, item harness.Item) (reports.Row, error) {
				return b.outcome(ctx, item)
			})
		}
	})
	ginkgo.BeforeSuite(func() {
		signal.Reset(taken...)
		signal.Notify(signals, taken...)
	})
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.Timeout = 24 * time.Hour // the engine has deadlines of its own
	reporter.Succinct = true
	formatter.ColorableStdOut, formatter.ColorableStdErr = io.Discard, io.Discard
	ginkgo.RunSpecs(indifferent{}, title, suite, reporter)
}

// indifferent takes Ginkgo's verdict and drops it: verdicts are made from rows.
type indifferent struct{}

// Fail does nothing.
func (indifferent) Fail() {}

// begun is a round whose engine is made when it is first asked.
type begun struct {
	round  Round
	once   sync.Once
	engine *harness.Engine
	err    error
	left   int
}

func (b *begun) outcome(ctx context.Context, item harness.Item) (reports.Row, error) {
	b.once.Do(func() { b.engine, b.err = b.round.Begin() })
	b.left--
	if b.left == 0 && b.round.End != nil {
		defer b.round.End()
	}
	if b.err != nil {
		return reports.Row{}, b.err
	}
	return b.engine.Outcome(ctx, item)
}
