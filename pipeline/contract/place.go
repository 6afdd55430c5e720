package contract

import (
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
)

// Place is the path of the schema object of a feed, or of one of its fields by
// its logical name, for Set, Add and Append: schema[0].properties[3]. Errors:
// invalid for a feed that the document does not define, not_found for a field
// that it does not have.
func (d *Document) Place(feed, field string) (string, error) {
	object, err := d.pick(feed)
	if err != nil {
		return "", err
	}
	for i, o := range d.root.list("schema") {
		if o != object {
			continue
		}
		path := "schema[" + strconv.Itoa(i) + "]"
		if field == "" {
			return path, nil
		}
		for j, p := range o.list("properties") {
			if p.text("name") == field {
				return path + ".properties[" + strconv.Itoa(j) + "]", nil
			}
		}
	}
	return "", pipeline.Errorf(pipeline.CodeNotFound, "%s: the feed %s has no field %s", d.file, feed, field)
}

// Has reports whether something stands at path.
func (d *Document) Has(path string) bool {
	_, _, _, err := d.find(path)
	return err == nil
}

// CustomPlace is the path of the value of a custom property of the document or
// of the schema object of a feed, which wins; "" where neither has it.
func (d *Document) CustomPlace(feed, property string) string {
	object, err := d.Place(feed, "")
	if err != nil {
		return ""
	}
	o, _ := d.pick(feed)
	for _, at := range []struct {
		prefix string
		n      *node
	}{{object + ".", o}, {"", d.root}} {
		for i, p := range at.n.list("customProperties") {
			if p.text("property") == property {
				return at.prefix + "customProperties[" + strconv.Itoa(i) + "].value"
			}
		}
	}
	return ""
}
