//! Who may see and change what.

use super::{USERS, refuses};
use crate::broker::Broker;
use crate::client_amqp::{block_on, log_in};
use crate::http::{Api, segment};

#[test]
fn who_may_see_what_depends_on_the_tags() {
    let broker = Broker::with(USERS);
    let api = Api::of(&broker);
    let anonymous = api.login(None).ask("GET", "/api/overview", "", "");
    assert_eq!((anonymous.status, anonymous.body.len()), (401, 0));
    let realm = anonymous.header("www-authenticate").unwrap();
    assert!(realm.contains("rabbitmq management"), "{realm}");
    for wrong in ["guest:wrong", "nobody:p", "guest:"] {
        let answer = api.login(wrong).ask("GET", "/api/overview", "", "");
        refuses(&answer, 401, "not_authorized", "Not_Authorized");
        assert!(answer.header("www-authenticate").is_none(), "{wrong}");
    }
    let no_tag = api.login("app:p").ask("GET", "/api/whoami", "", "");
    refuses(&no_tag, 401, "not_authorised", "Not management user");

    block_on(async {
        let _of_app = log_in(&broker, "app:p").await.unwrap();
        let _of_man = log_in(&broker, "man:p").await.unwrap();
        let users_in = |login: &'static str| {
            let seen = api.login(login).list("/api/connections");
            seen.iter().map(|one| one["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(users_in("man:p"), ["man"], "their own");
        assert_eq!(users_in("mon:p").len(), 2, "all");
        assert_eq!(users_in("out:p").len(), 0);
        let foreign = api.names("/api/connections");
        let path = |name: &str| format!("/api/connections/{}", segment(name));
        let refused = foreign.iter().map(|name| api.login("out:p").status(&path(name)));
        assert_eq!(refused.collect::<Vec<_>>(), [401, 401]);
        let mon = api.login("mon:p").ask("DELETE", &path(&foreign[0]), "", "");
        refuses(&mon, 401, "not_authorised", "Not administrator user");
        let found = api.login("man:p").get("/api/overview");
        assert_eq!(found["object_totals"]["connections"], 1);
        assert!(found.get("listeners").is_none() && found.get("node").is_none());
        assert!(api.login("mon:p").get("/api/overview").get("listeners").is_some());
    });

    assert_eq!(api.login("man:p").names("/api/vhosts"), ["/"]);
    assert_eq!(api.login("mon:p").names("/api/vhosts"), ["/"]);
    assert!(api.login("out:p").names("/api/vhosts").is_empty());
    assert!(api.login("out:p").list("/api/exchanges").is_empty());
    let closed = api.login("out:p").ask("GET", "/api/queues/%2F", "", "");
    refuses(&closed, 401, "not_authorised", "User not authorised to access virtual host");
    for path in ["/api/users", "/api/users/man", "/api/permissions", "/api/vhosts/%2F"] {
        let answer = api.login("mon:p").ask("GET", path, "", "");
        refuses(&answer, 401, "not_authorised", "Not administrator user");
    }
    let node = api.get("/api/nodes")[0]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/nodes/{}", segment(&node));
    assert_eq!(api.login("mon:p").get(&path)["name"], node.as_str());
    assert_eq!(api.login("mon:p").status("/api/nodes/rabbit@elsewhere"), 404);
    for path in ["/api/nodes", &path] {
        let answer = api.login("man:p").ask("GET", path, "", "");
        refuses(&answer, 401, "not_authorised", "Not monitor user");
    }
    // Tags open lists; what is changed asks for permissions besides.
    assert_eq!(api.login("mon:p").put("/api/queues/%2F/q", "{}"), 401);
    assert_eq!(api.login("man:p").put("/api/queues/%2F/q", "{}"), 201);
}
