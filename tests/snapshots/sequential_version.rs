// struct Rev(i64);

const _: () = {
    #[automatically_derived]
    impl ::versioned_core::version::Version for Rev {
        fn initial() -> Self {
            Self(<i64 as ::versioned_core::version::Version>::initial())
        }
        fn next(&self) -> ::core::option::Option<Self> {
            ::core::option::Option::map(
                <i64 as ::versioned_core::version::Version>::next(&self.0),
                Self,
            )
        }
        fn token(&self) -> ::versioned_core::version::Token {
            <i64 as ::versioned_core::version::Version>::token(&self.0)
        }
        fn from_token(
            __token: ::versioned_core::version::Token,
        ) -> ::core::option::Option<Self> {
            ::core::option::Option::map(
                <i64 as ::versioned_core::version::Version>::from_token(__token),
                Self,
            )
        }
    }
    #[automatically_derived]
    impl ::versioned_core::version::SequentialVersion for Rev {
        fn starting_at(__first: ::core::primitive::i16) -> Self {
            Self(
                <i64 as ::versioned_core::version::SequentialVersion>::starting_at(
                    __first,
                ),
            )
        }
        fn number(&self) -> ::core::primitive::i64 {
            <i64 as ::versioned_core::version::SequentialVersion>::number(&self.0)
        }
        fn from_number(
            __number: ::core::primitive::i64,
        ) -> ::core::option::Option<Self> {
            ::core::option::Option::map(
                <i64 as ::versioned_core::version::SequentialVersion>::from_number(
                    __number,
                ),
                Self,
            )
        }
    }
};
