//! Any bytes as a list of tagged values, in characters or as BER: what is found lies inside the list, in order, and is
//! found again after it was put. The first byte chooses the form.
#![no_main]

use clubswitch::wire::ber;
use clubswitch::wire::coding::Coding;
use clubswitch::wire::tlv::TlvForm;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, list)) = data.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    if choice % 2 == 0 {
        let form = TlvForm {
            tag_chars: 1 + choice / 2 % 4,
            length_digits: 1 + choice / 8 % 4,
            coding: [Coding::Ascii, Coding::Cp037, Coding::Cp500][choice / 32 % 3],
        };
        in_characters(form, list);
    } else {
        as_ber(list);
    }
});

fn in_characters(form: TlvForm, list: &[u8]) {
    let (mut after, mut again) = (0, Vec::new());
    for item in form.items(list) {
        match item {
            Ok(item) => {
                assert_eq!(item.at, after + form.tag_chars + form.length_digits);
                assert_eq!(&list[item.at..item.at + item.value.len()], item.value);
                after = item.at + item.value.len();
                let tag: String = item
                    .tag
                    .iter()
                    .map(|c| char::from(form.coding.character(*c)))
                    .collect();
                assert!(form.find(list, &tag).is_some());
                assert!(form.put(&tag, item.value, &mut again));
            }
            Err(bad) => assert!(bad.at <= list.len()),
        }
    }
    assert_eq!(again, list[..after]);
}

fn as_ber(list: &[u8]) {
    let (mut after, mut again, mut found) = (0, Vec::new(), Vec::new());
    for item in ber::items(list) {
        match item {
            Ok(item) => {
                assert!(item.at > after);
                assert_eq!(&list[item.at..item.at + item.value.len()], item.value);
                after = item.at + item.value.len();
                if item.is_constructed() {
                    as_ber(item.value);
                }
                assert!(ber::put(item.tag, item.value, &mut again));
                found.push((item.tag, item.value));
            }
            Err(bad) => assert!(bad.at <= list.len()),
        }
    }
    let items = ber::items(&again).map(|item| item.expect("it was put"));
    let items: Vec<_> = items.map(|item| (item.tag, item.value)).collect();
    assert_eq!(items.len(), found.len());
    assert!(
        items
            .iter()
            .zip(&found)
            .all(|(one, other)| one.0 == other.0 && one.1 == other.1)
    );
}
