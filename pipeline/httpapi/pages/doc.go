// Package pages serves the pages where people look, decide and understand. They
// stand beside the API, in one handler: Pages answers /v1 and what else the API's
// document names by the API, and all other paths by a page.
//
// # A page
//
// One file has one page: its route, what it reads, and its template (NAME.html).
// A handler gets a visit, reads by the same methods and use cases as the API, and
// returns a screen: a template with values that are ready to be shown. Templates
// are filled by package fill, which calls nothing, over the frame of layout.html
// and the parts of package page; $.CSRF, $.Title and what else the view has stand
// beside .Main. Routes are registered by page and form, each with the scope of the
// operation of the API that it resembles.
//
// A form's handler does one thing and returns where to go (303): a reload repeats
// nothing. What it has to say there is told by a code in the address (said=…),
// never by free text. What was decided meanwhile by another is told on the page of
// the thing.
//
// # Without a script
//
// Every page and form works without JavaScript; assets/assay.js only adds (keys,
// answers as one types). There is no inline script or style, and the content
// security policy allows none.
//
// # Who may
//
// On loopback without tokens, whoever reaches the server may do everything. With
// tokens, a person signs in once by pasting one: it is verified as the API does,
// and kept in a cookie that no script reads and no other site sends. Where it has
// expired, the answer is the sign-in page (401) that keeps the address and what
// was typed into a form; after it the form is shown to be sent again. The API
// itself never looks at the cookie. Behind a gateway that names the caller, no
// cookie is needed.
//
// Every form carries a token that is bound to the session and the person, masked
// anew in each page, and a write is refused unless the browser says that it comes
// from a page of this server.
package pages
