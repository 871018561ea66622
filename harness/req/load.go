package req

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The tables, tab-separated with a header line and no quoting:
//
//   - v5.tsv, v311.tsv: a statement per line; ids without version, "same" a list of ids separated by spaces,
//     written at one of the two statements only
//   - sections.tsv: headings, with the anchor of the nearest bookmark that the OASIS text has
//   - twins.tsv: pairs of corresponding statements
//
//go:embed data/*.tsv
var data embed.FS

// documents are the OASIS texts that the anchors are in.
var documents = map[Version]string{
	V5:   "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
	V311: "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
}

type table struct {
	all   []Statement
	index map[ID]int // position in all
}

// catalogue reads the tables on first use. They are part of the program and its tests read them, so an error in them
// is a defect of the program.
var catalogue = sync.OnceValue(func() *table {
	t, err := load()
	if err != nil {
		panic(err)
	}
	return t
})

type heading struct{ title, anchor string }

func load() (*table, error) {
	t := &table{index: make(map[ID]int)}
	headings, err := loadHeadings()
	if err != nil {
		return nil, err
	}
	var same [][2]ID
	for _, v := range []Version{V5, V311} {
		err := rows("data/"+v.String()+".tsv", func(get func(string) string) error {
			s, err := statement(v, get, headings)
			if err != nil {
				return err
			}
			if _, double := t.index[s.ID]; double {
				return fmt.Errorf("%s stands twice", s.ID)
			}
			t.index[s.ID] = len(t.all)
			t.all = append(t.all, s)
			for _, other := range strings.Fields(get("same")) {
				same = append(same, [2]ID{s.ID, qualified(v, other)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := t.link(same, func(s *Statement) *[]ID { return &s.SameAs }); err != nil {
		return nil, err
	}
	var twins [][2]ID
	err = rows("data/twins.tsv", func(get func(string) string) error {
		twins = append(twins, [2]ID{qualified(V5, get("v5")), qualified(V311, get("v311"))})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, t.link(twins, func(s *Statement) *[]ID { return &s.Twins })
}

// link enters each pair at both of its statements, in the order of the catalogue.
func (t *table) link(pairs [][2]ID, list func(*Statement) *[]ID) error {
	for _, pair := range pairs {
		for i, from := range pair {
			to := pair[1-i]
			at, ok := t.index[from]
			if !ok {
				return fmt.Errorf("%s refers to %s, which does not exist", to, from)
			}
			ids := list(&t.all[at])
			if slices.Contains(*ids, to) {
				return fmt.Errorf("%s and %s are paired twice", from, to)
			}
			*ids = append(*ids, to)
		}
	}
	for i := range t.all {
		slices.SortFunc(*list(&t.all[i]), func(a, b ID) int { return t.index[a] - t.index[b] })
	}
	return nil
}

func loadHeadings() (map[Version]map[string]heading, error) {
	headings := map[Version]map[string]heading{V5: {}, V311: {}}
	versions := map[string]Version{V5.String(): V5, V311.String(): V311}
	err := rows("data/sections.tsv", func(get func(string) string) error {
		of, ok := headings[versions[get("version")]]
		if !ok {
			return fmt.Errorf("unknown version %q", get("version"))
		}
		of[get("section")] = heading{title: get("title"), anchor: get("anchor")}
		return nil
	})
	return headings, err
}

func statement(v Version, get func(string) string, headings map[Version]map[string]heading) (Statement, error) {
	s := Statement{
		ID:               qualified(v, get("id")),
		Version:          v,
		Subsection:       get("section"),
		Actor:            Actor(get("actor")),
		Level:            Level(get("level")),
		Text:             get("text"),
		ServerObservable: Observability(get("server")),
		DeviceObservable: get("device") == "yes",
		Needs:            get("needs"),
		How:              get("how"),
		NotObservable:    get("reason"),
		Printed:          get("printed"),
		Errata:           get("errata"),
		URL:              documents[v],
	}
	if methods := get("method"); methods != "" {
		for m := range strings.SplitSeq(methods, "; ") {
			s.Method = append(s.Method, Method(m))
		}
	}
	s.Section = s.Subsection
	if parts := strings.Split(s.Subsection, "."); len(parts) > 3 {
		s.Section = strings.Join(parts[:3], ".")
	}
	// some ids name the section above the one that they stand in: MQTT-4.1.0-1 is in 4.1.1
	if group, _, _ := strings.Cut(s.number(), "-"); strings.HasSuffix(group, ".0") {
		for s.Section = group; strings.HasSuffix(s.Section, ".0"); {
			s.Section = strings.TrimSuffix(s.Section, ".0")
		}
	}
	outer, ok := headings[v][s.Section]
	if !ok {
		return s, fmt.Errorf("%s: section %s has no title", s.ID, s.Section)
	}
	inner, ok := headings[v][s.Subsection]
	if !ok {
		return s, fmt.Errorf("%s: section %s has no title", s.ID, s.Subsection)
	}
	s.Title, s.SubsectionTitle = outer.title, inner.title
	if inner.anchor != "" {
		s.URL += "#" + inner.anchor
	}
	return s, nil
}

// rows calls row for each line below the header of an embedded table. get returns the field of a column.
func rows(name string, row func(get func(column string) string) error) error {
	content, err := data.ReadFile(name)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	columns := strings.Split(lines[0], "\t")
	for i, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != len(columns) {
			return fmt.Errorf("%s:%d: %d fields under %d columns", name, i+2, len(fields), len(columns))
		}
		var unknown string
		err := row(func(column string) string {
			at := slices.Index(columns, column)
			if at < 0 {
				unknown = column
				return ""
			}
			return fields[at]
		})
		if unknown != "" {
			return fmt.Errorf("%s: no column %q", name, unknown)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+2, err)
		}
	}
	return nil
}
