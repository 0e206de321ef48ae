//! Files that can be used, and files that cannot.

use super::*;
use crate::testing::{Authority, Folder};

#[test]
fn each_file_that_cannot_be_used_is_named_with_the_reason() {
    let (authority, folder) = (Authority::new(), Folder::new("credentials"));
    let ((certificate, key), (_, other_key)) = (authority.issue(), authority.issue());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n\
                 -----END RSA PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, role, reason) in [
        (Some(&*certificate), None, Role::Key, "cannot be read: No such file"),
        (None, Some(&*key), Role::Certificate, "cannot be read: No such file"),
        (Some(&*key), Some(&*key), Role::Certificate, "found no certificate"),
        (Some(broken), Some(&*key), Role::Certificate, "not a usable certificate"),
        (Some(&*certificate), Some(&*certificate), Role::Key, "found no private key"),
        (Some(&*certificate), Some(&*other_key), Role::Key, "not the one of the certificate in"),
        (Some(&*certificate), Some(encrypted), Role::Key, "the key is encrypted"),
        (Some(&*certificate), Some(older), Role::Key, "the key is encrypted"),
    ] {
        let file = |name: &str, text: Option<&str>| match text {
            Some(text) => folder.file(name, text),
            None => folder.0.join("missing.pem"),
        };
        let (certificate, key) = (file("cert.pem", certificate), file("key.pem", key));
        let error = Credentials::read(&certificate, &key).unwrap_err();
        assert_eq!(error.role, role, "{error}");
        assert_eq!(error.file, if role == Role::Key { key } else { certificate }, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }
}

#[test]
fn authorities_are_read_or_refused_by_name() {
    let folder = Folder::new("authorities");
    let two = [Authority::new().pem(), Authority::new().pem()].concat();
    assert_eq!(read_authorities(&folder.file("two.pem", &two)).unwrap().len(), 2);
    let error = read_authorities(&folder.file("none.pem", "")).unwrap_err();
    assert_eq!(error.role, Role::Authorities);
    assert!(error.to_string().ends_with("wanted '-----BEGIN CERTIFICATE-----'"), "{error}");
}
