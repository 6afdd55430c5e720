package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// itemFlags say which columns of a file are an item.
type itemFlags struct {
	contract, schema string
	id, text         string
	category, maker  string
}

func (f *itemFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.contract, "contract", "c", "", "a contract whose catalog binding names the columns")
	fl.StringVar(&f.schema, "schema", "", "the schema object of the contract, where it has several")
	fl.StringVar(&f.id, "id", "", "column that identifies an item (default: id, item_id, material, sku, …)")
	fl.StringVar(&f.text, "text", "", "column with the description (default: description, text, name, …)")
	fl.StringVar(&f.category, "category", "", "column with the category")
	fl.StringVar(&f.maker, "manufacturer", "", "column with the manufacturer")
}

// binding is what the flags say, nil where they say nothing.
func (f *itemFlags) binding() (*contract.Binding, error) {
	var b *contract.Binding
	if f.contract != "" {
		feed, err := readFeed(f.contract, f.schema)
		if err != nil {
			return nil, err
		}
		if feed.Catalog == nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s binds no catalog", f.contract).WithHint("add the customProperty assay.catalog, or name columns with --id and --text")
		}
		copied := *feed.Catalog
		b = &copied
	}
	if f.text != "" || (b == nil && (f.id != "" || f.category != "" || f.maker != "")) {
		if b == nil {
			b = &contract.Binding{}
		}
		if f.text == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "--id, --category and --manufacturer go with --text").WithHint("name the column with the description, too")
		}
		b.Text = f.text
	}
	if b != nil {
		if f.id != "" {
			b.ID, b.IDs = f.id, []string{f.id}
		}
		for _, o := range []struct {
			from string
			to   *string
		}{{f.category, &b.Category}, {f.maker, &b.Manufacturer}} {
			if o.from != "" {
				*o.to = o.from
			}
		}
	}
	return b, nil
}

// eachItem reads the items of a file, "-" being standard input (as CSV).
func (c *cli) eachItem(ctx context.Context, name string, flags *itemFlags, yield func(pipeline.Item) error) error {
	bind, err := flags.binding()
	if err != nil {
		return err
	}
	if name == "-" {
		return flow.ReadItems(ctx, "stdin", c.stdin, bind, yield)
	}
	f, size, err := openFile(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if size == 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s is empty", name)
	}
	return flow.ReadItems(ctx, name, f, bind, yield)
}
