package broker

import (
	"slices"
	"strings"
)

// Defect is a breach of the standard, or of what it recommends, that can be switched on by its name.
type Defect struct {
	Name   string
	Breaks []string // the qualified ids of the statements that it breaks; a check of any of them notices it
	Text   string   // what the broker does wrong
}

// defect is the name of a Defect.
type defect string

// defectRow is a Defect as the tables have it, with the ids in one string.
type defectRow struct {
	name   defect
	breaks string
	text   string
}

func (r defectRow) id() defect { return r.name }

func defectRows() []defectRow {
	return slices.Concat(connectDefects, sessionDefects, deliveryDefects, subscriptionDefects, willDefects, packetDefects)
}

// Defects lists every defect.
func Defects() []Defect {
	rows := defectRows()
	all := make([]Defect, len(rows))
	for i, r := range rows {
		all[i] = Defect{Name: string(r.name), Breaks: strings.Fields(r.breaks), Text: r.text}
	}
	return all
}
