package contract

import (
	"slices"
	"strings"
)

// importDBT reads the models and sources of a dbt schema.yml.
func importDBT(im *importer, src []byte) error {
	root, found := readYAML(im.file, src)
	if found != nil {
		return problemError(found)
	}
	for _, m := range root.list("models") {
		im.objects = append(im.objects, im.dbtModel(m))
	}
	for _, s := range root.list("sources") {
		for _, t := range s.list("tables") {
			im.objects = append(im.objects, im.dbtModel(t))
		}
	}
	for _, s := range slices.Concat(root.list("seeds"), root.list("snapshots")) {
		im.objects = append(im.objects, im.dbtModel(s))
	}
	return nil
}

func (im *importer) dbtModel(m *node) *Feed {
	f := &Feed{Name: m.text("name"), Description: strings.TrimSpace(m.text("description"))}
	for _, c := range m.list("columns") {
		fd := Field{Name: c.text("name"), Column: c.text("name"), Description: strings.TrimSpace(c.text("description")), Type: String}
		if t := c.text("data_type"); t != "" {
			sqlType(t, &fd)
		}
		for _, t := range slices.Concat(c.list("tests"), c.list("data_tests")) {
			im.dbtTest(f, &fd, t)
		}
		for _, k := range c.list("constraints") {
			switch k.text("type") {
			case "not_null":
				fd.Required = true
			case "unique":
				fd.Unique = true
			case "primary_key":
				fd.Key = 1
			default:
				im.lose("%s: the constraint %s", k.path, k.text("type"))
			}
		}
		f.Fields = append(f.Fields, fd)
	}
	for _, t := range slices.Concat(m.list("tests"), m.list("data_tests")) {
		name, args := dbtArguments(t)
		if cols := args.list("combination_of_columns"); strings.HasSuffix(name, "unique_combination_of_columns") && cols != nil {
			k := Key{}
			for _, c := range cols {
				k.Fields = append(k.Fields, c.str())
			}
			f.Keys = append(f.Keys, k)
			continue
		}
		im.lose("%s: the test %s", t.path, name)
	}
	return f
}

// dbtArguments are the name of a test and its arguments, which newer versions
// put under arguments.
func dbtArguments(t *node) (string, *node) {
	if t.kind == scalarNode {
		return t.value, nil
	}
	if len(t.keys) == 0 {
		return "", nil
	}
	args := t.items[0]
	if a := args.get("arguments"); a != nil {
		args = a
	}
	return t.keys[0].value, args
}

func (im *importer) dbtTest(f *Feed, fd *Field, t *node) {
	name, args := dbtArguments(t)
	switch name {
	case "not_null":
		fd.Required = true
	case "unique":
		fd.Unique = true
	case "accepted_values":
		fd.Options.Enum = []string{}
		for _, v := range args.list("values") {
			fd.Options.Enum = append(fd.Options.Enum, v.str())
		}
	case "relationships":
		to := args.text("to")
		if i := strings.LastIndexByte(to, '('); i >= 0 {
			parts := strings.Split(strings.TrimRight(to[i+1:], ") }"), ",")
			to = strings.Trim(parts[len(parts)-1], `'" `)
		}
		if to != "" && args.text("field") != "" {
			f.Relations = append(f.Relations, Relation{Fields: []string{fd.Name}, To: to, ToFields: []string{args.text("field")}})
		}
	default:
		im.lose("%s: the test %s", t.path, name)
	}
}
