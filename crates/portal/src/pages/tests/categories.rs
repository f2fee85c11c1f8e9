//! In which category an organisation is: chosen with the first claim, asked for, and decided by an editor.

use super::*;

/// Has somebody claim a domain for a new organisation that is a bank, by a letter; the organisation's path.
async fn bank(site: &mut Site, domain: &str, category: &str) -> String {
    let claim = [
        ("domain", domain),
        ("name", domain),
        ("proof", "postmaster"),
        ("organisation", ""),
        ("category-1", category),
    ];
    let answer = site.post("/claims", &claim).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let (_, text) = letter(site).await.expect("a letter");
    site.post(&link(&text), &[]).await;
    let page = site.get("/organisations").await;
    let (_, rest) = page.text.split_once("href=\"/organisations/").expect("an organisation");
    format!("/organisations/{}", rest.split_once('"').expect("its end").0)
}

#[tokio::test]
async fn a_new_organisation_says_what_it_is_and_its_addresses_carry_it() {
    on_each_narrow(async |database| {
        let mut site = Site::over(database);
        allow_list(&site).await;
        site.become_role(Some(Role::Member)).await;
        let form = site.get("/claims/new").await;
        form.says(&["name=\"category-1\"", "<option value=\"2\">2 financial</option>"]);
        let wrong = [("domain", "a.example"), ("name", "a"), ("category-1", "77")];
        let answer = site.post("/claims", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["Wl.example has no category 77: choose one that it has."]);
        let organisation = bank(&mut site, "bank.example", "2").await;
        site.get(&organisation).await.says(&["<small>financial</small>"]);

        // What carries another category comes back before anything is handed in, with what to do.
        let form = format!("{organisation}/request");
        site.get(&form).await.says(&["it is in 2, financial.", "<select name=\"category\">"]);
        let ask = |code: &'static str, more: &[(&'static str, &'static str)]| {
            let wanted =
                [("list", "1"), ("action", "add"), ("code", code), ("networks", "8.8.8.8")];
            [&wanted, more].concat()
        };
        let checked = site.post(&form, &ask("127.0.5.1", &[])).await;
        checked.says(&[
            "mark bad\">category",
            "the organisation is in 2 (financial)",
            "ask for 127.0.2.1 instead, or for category 5 in the same request",
        ]);
        let answer = site.post(&form, &ask("127.0.5.1", &[("submit", "yes")])).await;
        let request = answer.location().to_owned();
        site.get(&request).await.says(&["needs information", "Ask for this category too"]);
        // Who answers may ask for the category with it.
        let answer = site
            .post(&format!("{request}/answer"), &[("words", "we moved"), ("category", "5")])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        site.get(&request).await.says(&["change the category to 5", "in the queue"]);
        // An editor who leaves the category out cannot list what carries it.
        let owner = site.cookies.clone();
        site.become_role(Some(Role::Editor)).await;
        site.post(&format!("{request}/review"), &[]).await;
        let alone = [("verdict", "approve"), ("item-0", "yes"), ("why", "it is a bank")];
        let answer = decide(&mut site, &request, &alone).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        answer.says(&["127.0.5.1 is of category 5 (service or network provider)", "leave it out"]);
        decide(
            &mut site,
            &request,
            &[("verdict", "approve"), ("item-0", "yes"), ("item-1", "yes")],
        )
        .await;
        site.get(&organisation).await.says(&["<small>service or network provider</small>"]);

        // An editor puts it elsewhere, and says why; what is listed is told of.
        let put = format!("{organisation}/category");
        let fields = [("list", "1"), ("category", "3"), ("reason", "it sends for others")];
        site.post(&put, &fields).await;
        site.get(&organisation)
            .await
            .says(&["<small>email service provider</small>", "The category is set."]);
        let answer = site.post(&put, &[("list", "1"), ("category", "3"), ("reason", " ")]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = site.get("/lists/wl.example/entry?key=8.8.8.8").await;
        let (_, seen) = page.text.split_once("name=\"seen\" value=\"").expect("a form");
        let edit = [
            ("act", "list"),
            ("key", "8.8.8.8"),
            ("seen", seen.split_once('"').expect("its end").0),
            ("code", "127.0.4.1"),
            ("before", "127.0.5.1"),
            ("reason", "x"),
        ];
        let answer = site.post("/lists/wl.example/entry", &edit).await;
        answer.says(&["127.0.4.1 is of category 4 (organisation)", "take 127.0.3.1"]);
        site.cookies = owner;
        site.get(&form).await.says(&["it is in 3, email service provider."]);
        let answer = site.post(&form, &[("list", "1"), ("category", "4")]).await;
        answer.says(&["1 of the organisation&#39;s entries carry another category"]);
        let answer = site.post(&form, &[("list", "1"), ("category", "<b>")]).await;
        answer.says(&["Choose a category of the list."]);
    })
    .await;
}
