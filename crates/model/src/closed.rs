//! Closed lists: enumerations of which each value has one name, which is also how it is written in JSON and stored.
//! Those that OTLP numbers have their number too.

macro_rules! closed {
    ($(#[$doc:meta])* $list:ident { $($(#[$value_doc:meta])* $value:ident = $name:literal $(as $number:literal)?,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub enum $list { $($(#[$value_doc])* #[serde(rename = $name)] $value $(= $number)?,)* }

        impl $list {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// Returns the value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }

            /// Returns the name, in snake case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)* }
            }
        }

        impl schemars::JsonSchema for $list {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($list).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($name),*] })
            }
        }

        impl std::fmt::Display for $list {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(crate) use closed;
