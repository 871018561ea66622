package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mqttspec/mqttspec/harness/req"
)

// sources returns the broker's own files, parsed.
func sources(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	return fset, files
}

var statementID = regexp.MustCompile(`\bv(?:5|311):(?:MQTT-[0-9.]+-[0-9]+|U[0-9]-[0-9]+)`)

// obeyed returns the statements that comments name, with one place for each.
func obeyed(fset *token.FileSet, files []*ast.File) map[string]token.Position {
	found := map[string]token.Position{}
	for _, f := range files {
		for _, group := range f.Comments {
			for _, c := range group.List {
				for _, id := range statementID.FindAllString(c.Text, -1) {
					found[id] = fset.Position(c.Pos())
				}
			}
		}
	}
	return found
}

func TestCommentsNameStatementsOfTheCatalogue(t *testing.T) {
	ids := obeyed(sources(t))
	if len(ids) < 200 {
		t.Errorf("only %d statements are named", len(ids))
	}
	for id, at := range ids {
		if _, ok := req.Lookup(req.ID(id)); !ok {
			t.Errorf("%v: no statement %s", at, id)
		}
	}
}

func TestDefectsBreakStatementsThatTheBrokerObeys(t *testing.T) {
	ids := obeyed(sources(t))
	names := map[string]bool{}
	for _, d := range Defects() {
		if names[d.Name] {
			t.Errorf("%s: the name is taken twice", d.Name)
		}
		names[d.Name] = true
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`).MatchString(d.Name) || !strings.HasSuffix(d.Text, ".") {
			t.Errorf("%s: odd name or text %q", d.Name, d.Text)
		}
		if len(d.Breaks) == 0 {
			t.Errorf("%s: breaks nothing", d.Name)
		}
		for _, id := range d.Breaks {
			s, ok := req.Lookup(req.ID(id))
			switch {
			case !ok:
				t.Errorf("%s: no statement %s", d.Name, id)
			case s.Level.Advisory() != advisory(d.Breaks[0]):
				t.Errorf("%s: mixes duties and recommendations: %v", d.Name, d.Breaks)
			}
		}
		if !slices.ContainsFunc(d.Breaks, func(id string) bool { _, ok := ids[id]; return ok }) {
			t.Errorf("%s: no line of the broker names any of %v", d.Name, d.Breaks)
		}
	}
}

// advisory reports whether a statement is a recommendation.
func advisory(id string) bool {
	s, ok := req.Lookup(req.ID(id))
	return ok && s.Level.Advisory()
}

// TestNamesAreUsed finds defects and tolerances that nothing asks for. The first use is in the table.
func TestNamesAreUsed(t *testing.T) {
	_, files := sources(t)
	uses := map[string]int{}
	declared := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				if kind, ok := spec.Type.(*ast.Ident); ok && (kind.Name == "defect" || kind.Name == "tolerance") && len(spec.Values) == 1 {
					declared[spec.Names[0].Name] = true
				}
			}
			if id, ok := n.(*ast.Ident); ok {
				uses[id.Name]++
			}
			return true
		})
	}
	if len(declared) != len(Defects())+len(Tolerances()) {
		t.Errorf("%d names are declared, the tables have %d", len(declared), len(Defects())+len(Tolerances()))
	}
	for name := range declared {
		if uses[name] < 3 {
			t.Errorf("%s is declared and not used", name)
		}
	}
}
