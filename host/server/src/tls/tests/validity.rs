//! Ends of certificates, read from what other libraries wrote.

use rcgen::date_time_ymd;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Made, params, rsa};
use crate::tls::validity::end_of_validity;

#[test]
fn the_end_is_read_in_both_forms() {
    // The shorter form ends with 2049, and 1970 is when counting begins.
    let rows = [
        (date_time_ymd(1970, 1, 2), 86_400),
        (date_time_ymd(1999, 12, 31), 946_598_400),
        (date_time_ymd(2024, 2, 29), 1_709_164_800),
        (date_time_ymd(2049, 12, 31), 2_524_521_600),
        (date_time_ymd(2050, 1, 1), 2_524_608_000),
        (date_time_ymd(9999, 12, 31), 253_402_214_400),
    ];
    for (end, seconds) in rows {
        let mut params = params(&["first.test"]);
        params.not_after = end;
        assert_eq!(end_of_validity(&Made::of(&params).der()), Some(seconds), "{end}");
    }
    let by_openssl = CertificateDer::from_pem_slice(rsa::CERT.as_bytes()).unwrap();
    assert_eq!(end_of_validity(&by_openssl), Some(rsa::NOT_AFTER));
    // Two digits from 50 on are of the century before, and what ended before counting began has no end here.
    let mut params = params(&["first.test"]);
    params.not_after = date_time_ymd(2049, 12, 31);
    let mut der = Made::of(&params).der().to_vec();
    let year = der.windows(6).position(|digits| digits == b"491231").unwrap();
    for (digits, end) in [(b"48", Some(2_492_985_600)), (b"50", None), (b"69", None), (b"70", Some(31_449_600))] {
        der[year..year + 2].copy_from_slice(digits);
        assert_eq!(end_of_validity(&der), end, "{digits:?}");
    }
}

#[test]
fn bytes_cut_off_or_altered_have_no_end_or_some_but_never_a_panic() {
    let made = Made::new(&["first.test"]).der();
    for length in 0..made.len() {
        assert_eq!(end_of_validity(&made[..length]), None);
    }
    for place in 0..made.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut altered = made.to_vec();
            altered[place] ^= bits;
            let _ = end_of_validity(&altered);
        }
    }
}
